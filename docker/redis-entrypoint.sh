#!/bin/sh
# Start the redis image with a configuration from standard input, so that neither argv nor a file holds a password.
# REDIS_USER and REDIS_PASSWORD belong to the user of the mode; REDISCLI_AUTH is the password of `health`.
set -eu
: "${REDIS_USER:?}" "${REDIS_PASSWORD:?}" "${REDISCLI_AUTH:?}"

users=$(
    while read -r directive user rules; do
        case $directive-$user in
            user-default) echo "user default $rules" ;;
            user-health) echo "user health $rules >$REDISCLI_AUTH" ;;
            "user-$REDIS_USER") echo "user $user $rules >$REDIS_PASSWORD" ;;
        esac
    done </dashtam/redis-users.conf
)
exec docker-entrypoint.sh redis-server - <<CONFIGURATION
$users
bind * -::*
dir /data
appendonly yes
appendfsync everysec
CONFIGURATION
