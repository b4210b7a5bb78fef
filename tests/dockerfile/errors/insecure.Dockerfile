FROM scratch
RUN --security=insecure mount
