#!/bin/sh
# Start the postgres image with a superuser that cannot log in over the network.
#
# POSTGRES_USER and POSTGRES_DB of this container are those of the active database. The image would make that user the
# superuser of a new cluster, so the first mode would own the data of the other. This script passes the role `postgres`
# instead, with a random password that is kept nowhere. The superuser logs in only through the socket, as the operating
# system's user postgres. init-dev-db.sh and init-test-db.sh make roles and databases.
set -eu
umask 077

password_file=/tmp/superuser-password
head -c 32 /dev/urandom | base64 >"$password_file"

# PG* serves `docker compose exec`; it would mislead the image's own psql.
unset PGHOST PGUSER PGPASSWORD PGDATABASE PGAPPNAME
export POSTGRES_USER=postgres POSTGRES_DB=postgres POSTGRES_PASSWORD_FILE="$password_file"
export POSTGRES_INITDB_ARGS="--auth-local=peer --auth-host=scram-sha-256 --data-checksums --encoding=UTF8"
exec docker-entrypoint.sh "$@"
