FROM scratch
RUN ["a"]
RUN   [ "a" ,	"b" ]
RUN ["a" "b"]
RUN ["\"quoted\"", "back\\slash", "\u0041", ""]
RUN ['single']
RUN ["a",
VOLUME ["/a", "/b c"]
VOLUME [ "/x" ]
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY ["a", "b", "c/"]
ADD [ "x" , "y" ]
ENTRYPOINT ["x", "--flag=\ud83d\ude00"]
