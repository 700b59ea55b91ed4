#!/bin/sh
# Makes the development role and database; it may run again at any time. See ensure-database.sh.
set -eu
export DASHTAM_INIT_DATABASE="${DEV_POSTGRES_DB:?is not set}"
export DASHTAM_INIT_ROLE="${DEV_POSTGRES_USER:?is not set}"
export DASHTAM_INIT_PASSWORD="${DEV_POSTGRES_PASSWORD:?is not set}"

case $DASHTAM_INIT_DATABASE in
    dashtam_test | dashtam_test_*)
        echo "DEV_POSTGRES_DB is $DASHTAM_INIT_DATABASE, the name of a test database; expected another" >&2
        exit 3 ;;
    dashtam_snapshot_*)
        echo "DEV_POSTGRES_DB is $DASHTAM_INIT_DATABASE, the name of a snapshot; expected another" >&2
        exit 3 ;;
esac
# First remove the leftovers of a killed snapshot verb: its session may still be copying this database.
sh "$(dirname -- "$0")/snapshot.sh" mend >/dev/null
exec sh "$(dirname -- "$0")/ensure-database.sh" development
