#!/bin/sh
# Each service has its own role and its own database, and no way into another's.
set -eu
for name in auth projects defects reports; do
    psql -v ON_ERROR_STOP=1 -v name="$name" -v password="$POSTGRES_PASSWORD" -U postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
