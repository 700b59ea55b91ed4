#!/bin/sh
# Makes a role and its database: ensure-database.sh PURPOSE, with DASHTAM_INIT_{DATABASE,ROLE,PASSWORD} exported.
# init-*.sh check that none of them is empty.
# PGHOST, PGPORT, PGUSER and PGPASSWORD name the server; PGUSER is its superuser.
# Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a safety check.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export DASHTAM_INIT_PURPOSE="$1"

for name in DASHTAM_INIT_DATABASE DASHTAM_INIT_ROLE; do
    eval "value=\$$name"
    case $value in
        [!a-z_]* | *[!a-z0-9_]*)
            echo "$name is '$value'; expected lower-case letters, digits and _" >&2
            exit 2 ;;
    esac
    if [ "${#value}" -gt 50 ]; then
        echo "$name has ${#value} characters; expected at most 50" >&2
        exit 2
    fi
done

ask() {
    psql --no-psqlrc --no-password --quiet --tuples-only --no-align --dbname=postgres --file="$here/$1"
}

refusals=$(ask reasons-to-refuse.psql) || exit 1
if [ -n "$refusals" ]; then
    echo "refused to make $DASHTAM_INIT_DATABASE:" >&2
    echo "$refusals" | sed 's/^/  /' >&2
    exit 3
fi
ask ensure-database.psql || exit 1
echo "✓ database $DASHTAM_INIT_DATABASE and role $DASHTAM_INIT_ROLE are there ($DASHTAM_INIT_PURPOSE)"
