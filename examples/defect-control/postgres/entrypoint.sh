#!/bin/sh
# Makes the cluster at the first start, runs /docker-entrypoint-initdb.d/*.sh against it, and becomes the command.
set -eu

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chown -R postgres:postgres "$(dirname "$PGDATA")" /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

make_cluster() {
    : "${POSTGRES_PASSWORD:?is missing}"
    # Made beside and renamed: one that was killed half way is made again, never started.
    rm -rf "$PGDATA.new"
    mkdir -m 700 "$PGDATA.new"
    printf '%s' "$POSTGRES_PASSWORD" >/run/postgresql/password
    initdb --pgdata="$PGDATA.new" --username=postgres --pwfile=/run/postgresql/password --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256
    rm /run/postgresql/password
    echo "host all all all scram-sha-256" >>"$PGDATA.new/pg_hba.conf"
    # On its socket only, until the scripts are done.
    pg_ctl --pgdata="$PGDATA.new" --options="-c listen_addresses=''" --wait start
    for script in /docker-entrypoint-initdb.d/*.sh; do
        [ -e "$script" ] || continue
        echo "running $script"
        sh "$script"
    done
    pg_ctl --pgdata="$PGDATA.new" --mode=fast --wait stop
    rmdir "$PGDATA"
    mv "$PGDATA.new" "$PGDATA"
}

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    make_cluster
fi
exec "$@"
