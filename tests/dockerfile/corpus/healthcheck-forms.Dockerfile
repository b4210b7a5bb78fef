FROM scratch
HEALTHCHECK NONE
HEALTHCHECK CMD curl -f http://localhost/ || exit 1
HEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --start-interval=500ms --retries=5 CMD ["curl", "-f", "x"]
HEALTHCHECK --interval=0s --retries=0 cmd true
HEALTHCHECK none
healthcheck --timeout=1.5h CMD a  "b  c"
