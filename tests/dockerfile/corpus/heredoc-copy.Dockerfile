FROM scratch
COPY <<EOF /greeting
hello $name
EOF
COPY <<-TABS <<"QUOTED" plain.txt /dir/
	indented
		twice
	TABS
$kept
	QUOTED
QUOTED
COPY --chmod=755 <<'run.sh' /bin/
#!/bin/sh
# not a comment
exec "$@"
run.sh
ADD <<x.txt /
x.txt
COPY <<EMPTY /e
EMPTY
COPY <<E1 <<E2 /two/
E2
E1
E1
E2
