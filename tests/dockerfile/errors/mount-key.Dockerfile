FROM alpine
RUN --mount=type=cache,traget=/c make
