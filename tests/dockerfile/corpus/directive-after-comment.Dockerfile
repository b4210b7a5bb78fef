# a comment first
# escape=`
FROM scratch
RUN a \
 b
