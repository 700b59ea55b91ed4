#!/bin/sh
# Makes the test role and database with their grants, stamp and UUID extension; it may run again at any time. See
# ensure-database.sh.
set -eu
export DASHTAM_INIT_DATABASE="${TEST_POSTGRES_DB:?is not set}"
export DASHTAM_INIT_ROLE="${TEST_POSTGRES_USER:?is not set}"
export DASHTAM_INIT_PASSWORD="${TEST_POSTGRES_PASSWORD:?is not set}"

suffix=${DASHTAM_INIT_DATABASE#dashtam_test}
case $DASHTAM_INIT_DATABASE,$suffix in
    dashtam_test,) ;;
    dashtam_test_*,_[a-z0-9]*) case ${suffix#_} in *[!a-z0-9]*) wrong=1 ;; esac ;;
    *) wrong=1 ;;
esac
if [ -n "${wrong-}" ]; then
    echo "TEST_POSTGRES_DB is $DASHTAM_INIT_DATABASE; expected dashtam_test or dashtam_test_<suffix>" >&2
    exit 3
fi
exec sh "$(dirname -- "$0")/ensure-database.sh" testing
