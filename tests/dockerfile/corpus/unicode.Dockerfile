FROM scratch
LABEL ein="Grüße" два=три
ENV 韓=한국어
COPY 文件 /目录/
RUN echo "🐳"
WORKDIR /café
