#!/bin/sh
# Writes .env beside compose.yaml: passwords, keys and tokens, made at random, readable by you alone.
# An .env that is there stays as it is, because the engines' data answers to it.
set -eu

target=$(dirname "$0")/.env

random() { # 192 bits in characters that need no quoting anywhere
    od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'
}

key() { # 256 bits in base64
    head -c 32 /dev/urandom | base64 | tr -d '\n'
}

if [ -e "$target" ]; then
    echo "renderfleet: $target is already there and stays as it is. To start afresh, remove it together with the data:" \
        "docker compose -f deploy/compose.yaml down --volumes" >&2
    exit 1
fi
# Mounted into containers, whose users are not you: readable also in a checkout under a umask of 077.
chmod a+r "$(dirname "$0")/redis/start.sh" "$(dirname "$0")/postgres/roles.sh"
umask 077
set -C # never over a file that another run has just made
cat > "$target" <<END
REDIS_API_PASSWORD=$(random)
REDIS_WORKER_PASSWORD=$(random)
POSTGRES_PASSWORD=$(random)
POSTGRES_API_PASSWORD=$(random)
POSTGRES_WORKER_PASSWORD=$(random)
S3_ACCESS_KEY_ID=renderfleet
S3_SECRET_ACCESS_KEY=$(random)
SECRET_KEYS=$(key)
EGRESS_SERVICE_TOKEN=$(random)
END
echo "renderfleet: wrote $target. Keep a copy: without it the data cannot be read. Do not commit it."
