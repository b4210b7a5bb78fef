from scratch as x
run echo a
copy a b
env c=d
Label e=f
wOrKdIr /g
