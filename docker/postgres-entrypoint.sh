#!/bin/sh
# Start the postgres image with a superuser that nobody can log in as.
#
# POSTGRES_USER and POSTGRES_DB of this container are those of the active database. The image would make that user the
# superuser of a new cluster, so that whichever mode came first would own the data of the other. It is told the role
# `postgres` instead, with a random password that is kept nowhere: the superuser enters by the socket alone, as the
# operating system's user postgres. Roles and databases are made by init-dev-db.sh and init-test-db.sh.
set -eu
umask 077

password_file=/tmp/superuser-password
head -c 32 /dev/urandom | base64 >"$password_file"

# PG* is for those who come by `docker compose exec`; it would mislead the image's own psql.
unset PGHOST PGUSER PGPASSWORD PGDATABASE PGAPPNAME
export POSTGRES_USER=postgres POSTGRES_DB=postgres POSTGRES_PASSWORD_FILE="$password_file"
export POSTGRES_INITDB_ARGS="--auth-local=peer --auth-host=scram-sha-256 --data-checksums --encoding=UTF8"
exec docker-entrypoint.sh "$@"
