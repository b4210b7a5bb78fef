FROM alpine
RUN --mount=type=bind,source=.,target=/src true
RUN --mount=type=cache,target=/root/.cache,sharing=locked,id=pip,mode=0755,uid=1,gid=2 pip install x
RUN --mount=type=tmpfs,target=/tmp,size=64m --mount=type=secret,id=token,target=/t,required --network=none a && b
RUN --mount=type=secret,id=key,env=KEY --mount=type=ssh,id=default,required=true git clone x
RUN --mount=from=alpine,source=/etc,dst=/e,rw --mount=target=/ctx ls
RUN --mount=type=cache,target=${CACHE:-/c},"id=with,comma" true
RUN --network=host --security=sandbox true
