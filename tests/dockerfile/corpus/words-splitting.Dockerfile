FROM scratch
ENV a="b \" c" d='e \' f=g
ENV h=\  i=j
ENV k="l"m"n" o='p''q'
LABEL r='s"t' u="v'w"
LABEL x=y\\ z=1
ARG a="b c" d='e f' g=h\ i
