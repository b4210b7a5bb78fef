FROM scratch
RUN <<EOF
echo hi
EOT
