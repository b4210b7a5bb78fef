FROM alpine
RUN --mount=type=cache,target=/c \
    --mount=type=cahce,target=/d \
    make
