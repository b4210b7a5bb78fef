FROM scratch
RUN a \
  b \  	
  c
RUN d\\
RUN \
  leading
ENV A=1 \
    B="two \
three" \
    C=4
COPY a \

     b \


     /c
LABEL x=\
y
RUN last \
