#!/bin/sh
# Start the redis image with a configuration read from standard input, so that no argv and no file holds the password.
set -eu
: "${REDIS_PASSWORD:?}"

exec docker-entrypoint.sh redis-server - <<CONFIGURATION
requirepass "$REDIS_PASSWORD"
bind * -::*
dir /data
appendonly yes
appendfsync everysec
rename-command FLUSHALL ""
CONFIGURATION
