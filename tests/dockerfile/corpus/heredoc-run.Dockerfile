FROM scratch
RUN <<EOF
apt-get update
  apt-get install -y a \
    b
# a comment for the shell
EOF
RUN <<-EOT bash -e
	echo tabs
	EOT
RUN python3 <<PY && cat <<"OTHER" > /x
print("${HOME}")
PY
data
OTHER
RUN --mount=type=cache,target=/c <<'EOF'
echo $a
EOF
RUN 3<<FD cat <&3
x
FD
RUN echo "<<NOT" '<<NOT'
RUN echo a <<b
text
b
RUN echo $((1<<2))
RUN <<eo'f'
quoted in part
eof
RUN <<$VAR
$VAR
RUN cat <<A <<B
a
A
b
B
RUN ["cat", "<<EOF"]
RUN <<<word
