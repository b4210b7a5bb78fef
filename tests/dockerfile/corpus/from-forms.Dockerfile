ARG REGISTRY=docker.io
FROM scratch
FROM alpine AS one
from alpine@sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d as Two
FROM --platform=linux/arm64 ${REGISTRY}/library/alpine:3 AS three-3.x_y
FROM --platform=$BUILDPLATFORM one
FROM   localhost:5000/a/b:tag   As   four
