#!/usr/bin/env izba-build
# escape=`
FROM scratch
RUN a \
 b
