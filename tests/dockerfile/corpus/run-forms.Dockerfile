FROM scratch
RUN echo hello
RUN ["/bin/echo", "hello"]
RUN
RUN echo "a  'b'  c" ; echo \$x
RUN --mount=type=cache,target=/x\
  echo
RUN -x --not-a-flag
RUN echo --not-a-flag
RUN	echo tab
RUN  	 echo spaces  	
