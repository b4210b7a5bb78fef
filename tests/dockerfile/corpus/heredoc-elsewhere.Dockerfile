FROM scratch
ENV A=<<EOF
LABEL b=<<EOF
CMD cat <<EOF
USER <<EOF
RUN true
