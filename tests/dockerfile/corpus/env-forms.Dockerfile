FROM scratch
ENV a=b
ENV c d e  f
ENV g=h i="j k" l='m n' o=p\ q r="" s= t=\"u\"
ENV v "w x"
ENV y=${z:-"a b"} A='single $no' B="\$kept"
ENV C=a"b c"d'e f'g
ENV D = e
ENV E="unbalanced
ENV F	g
ENV G=h\
