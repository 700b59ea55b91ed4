#!/bin/sh
# Handles the snapshots of the development database: snapshot.sh take | restore | drop | mend. The first lines of
# docker/snapshots/*.psql list the variables DASHTAM_SNAPSHOT_* of each.
# PGHOST, PGPORT, PGUSER and PGPASSWORD name the server; PGUSER is its superuser.
# Prints the copy method and the file system.
# Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a safety check.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
action=${1-}
case $action in
    take) DASHTAM_SNAPSHOT_ORIGINAL=${DASHTAM_SNAPSHOT_SOURCE:?is not set} ;;
    restore) DASHTAM_SNAPSHOT_ORIGINAL=${DASHTAM_SNAPSHOT_DATABASE:?is not set} ;;
    drop | mend) DASHTAM_SNAPSHOT_ORIGINAL='' ;;
    *) echo "snapshot.sh $action: expected take, restore, drop or mend" >&2; exit 2 ;;
esac
export DASHTAM_SNAPSHOT_ORIGINAL

for name in DASHTAM_SNAPSHOT_DATABASE DASHTAM_SNAPSHOT_BEFORE; do
    eval "value=\${$name-dashtam_snapshot_unused}"
    suffix=${value#dashtam_snapshot_}
    case $suffix in
        "$value" | '' | [!a-z0-9]* | *[!a-z0-9_-]*)
            echo "$name is '$value'; expected dashtam_snapshot_ and lower-case letters, digits, _ and -" >&2
            exit 2 ;;
    esac
    if [ "${#value}" -gt 63 ]; then
        echo "$name has ${#value} characters; PostgreSQL keeps 63" >&2
        exit 2
    fi
done

ask() {
    # ON_ERROR_STOP is set here: set in an included file, it takes effect too late for the including file.
    psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname=postgres \
        --file="$here/snapshots/$1.psql"
}

file_system=unknown
if [ -n "$DASHTAM_SNAPSHOT_ORIGINAL" ]; then
    facts=$(ask room) || exit 1
    needed=$((${facts%%
*} + 65536)) # and 64 MiB for the log and for other writers
    folder=${facts#*
}
    [ "$(uname)" = Linux ] && file_system=$(stat -f -c %T "$folder" || echo unknown)
    free=$(df -Pk "$folder" 2>/dev/null | { read -r _; read -r _ _ _ free _ && echo "$free"; } || true)
    case $file_system in
        btrfs | xfs | zfs) ;; # a copy shares the blocks of its original there, and takes no room
        *)
            if [ -n "$free" ] && [ "$free" -lt "$needed" ]; then
                echo "no room for a copy: $((needed / 1024)) MiB needed, $((free / 1024)) MiB free in $folder" >&2
                exit 3
            fi ;;
    esac
fi

said=$(ask "$action") || exit 1
case $said in
    refused*)
        echo "$said" | sed '1s/.*/refused, nothing was changed:/; 2,$s/^/  /' >&2
        exit 3 ;;
esac
echo "$said $file_system"
