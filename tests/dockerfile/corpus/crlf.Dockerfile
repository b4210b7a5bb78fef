FROM scratch
# comment
RUN echo a \
  b
COPY <<EOF /x
line
EOF
ENV A=b
