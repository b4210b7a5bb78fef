FROM scratch
VOLUME /data
VOLUME /a /b	/c
VOLUME ["/json"]
VOLUME [ "/x y", " /trimmed " ]
VOLUME ["not json
