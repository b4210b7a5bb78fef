from scratch
coppy a b
