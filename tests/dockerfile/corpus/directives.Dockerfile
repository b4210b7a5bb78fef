# Syntax = docker/dockerfile:1.7 trailing
#escape=\
# check=skip=JSONArgsRecommended;error=false
# not a directive any more
# escape=`
FROM scratch
RUN a \
  b
