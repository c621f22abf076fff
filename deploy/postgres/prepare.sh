#!/bin/sh
# Prepares a Postgres server for the suite with psql alone: ADMIN_DATABASE_URL, <SERVICE>_DATABASE_PASSWORD for each service,
# and DATABASE_NAME. What python -m shared.embedded.roles does, for machines without Python.
set -eu
scripts=${SCRIPTS:-$(dirname "$0")/../../shared/src/shared/embedded/sql}
database=${DATABASE_NAME:-regulars}
psql="psql --no-psqlrc --quiet --set ON_ERROR_STOP=1"

$psql --dbname "$ADMIN_DATABASE_URL" --set name="$database" <<'SQL'
SELECT format($$CREATE DATABASE %I TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'$$, :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL

{
    printf '%s\n' "\\connect \"$database\""
    cat "$scripts/database.sql"
    for service in customers feedback loyalty analytics; do
        printf '%s\n' "\\getenv secret $(echo "$service" | tr '[:lower:]' '[:upper:]')_DATABASE_PASSWORD"
        printf '%s\n' "SELECT set_config('regulars.service', '$service', false), set_config('regulars.password', :'secret', false) \\g /dev/null"
        cat "$scripts/service.sql"
    done
} | $psql --dbname "$ADMIN_DATABASE_URL"
