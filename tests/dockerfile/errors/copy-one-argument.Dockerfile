FROM scratch
COPY everything
