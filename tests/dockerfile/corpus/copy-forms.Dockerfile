FROM alpine AS build
FROM scratch
COPY . .
COPY --from=build /a /b
COPY --from=0 --chown=app:app --chmod=u=rwX,go=rX a* b? [c-e] /dst/
COPY --link --parents ./x/./y/*.txt /parents/
COPY --exclude=**/*.pyc --exclude="**/node modules" --from=nginx:latest /etc/nginx /etc/nginx
COPY ["a b", "c", "/d e/"]
COPY -- --odd-name /
COPY --from="build" "quoted" 'single' /
COPY $SRC ${DST:-/x}
COPY a\ b /c
