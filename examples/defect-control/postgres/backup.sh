#!/bin/sh
# Every night at three: each database to its own file, fourteen nights kept.
# Back again: pg_restore --clean --if-exists -d NAME /backups/NAME-DATE.dump
set -eu
backups=${BACKUPS:-/backups}

backup() {
    for name in auth projects defects reports; do
        pg_dump --format=custom --file="$backups/.$name.part" "$name"
        mv "$backups/.$name.part" "$backups/$name-$(date +%Y-%m-%dT%H%M%S).dump"
    done
    find "$backups" -name '*.dump' -mtime +14 -delete
}

if [ "${1:-}" = now ]; then
    backup
    exit
fi
trap 'exit 0' TERM INT
while :; do
    now=$(date +%s)
    due=$(date -d "$(date +%Y-%m-%d) 03:00:00" +%s)
    [ "$due" -gt "$now" ] || due=$((due + 86400))
    sleep $((due - now)) &
    wait $!
    backup || echo "error: the backup failed, the next try is tomorrow" >&2
done
