#!/bin/sh
# Starts Valkey with a user for the API and one for the workers, who may do what they need and nothing else: no KEYS, no
# CONFIG, no FLUSHALL, no key or channel that is not renderfleet's or arq's. tests/integration/migrations/test_least_privilege.py
# runs the fleet on this file.
#
# By standard input, because arguments can be read by whoever lists this machine's processes. Nothing is ever evicted:
# keys are jobs.
set -eu

session="+ping +hello +auth +select +client|setinfo"
# What both send: a job enters the queue (fleet/queue/arq_adapter.py, fleet/queue/fair_queue.py), words go round (fleet/queue/announcements.py).
both="+eval +evalsha +get +set +hmget +hset +hincrby +zadd +zscore +zmscore +zrangebyscore +zrem +zcard +del +lpush +ltrim +publish +subscribe +unsubscribe"
# The API counts calls (fleet/tenants/rate_limit.py); workers take jobs, and arq keeps its books on them.
api="+time"
worker="+zrange +zpopmin +blpop +incrby +expire +pexpire +multi +exec"
REDIS_API_PASSWORD=${REDIS_API_PASSWORD:-$(cat /run/secrets/redis_api_password)}
REDIS_WORKER_PASSWORD=${REDIS_WORKER_PASSWORD:-$(cat /run/secrets/redis_worker_password)}

# For workers on other machines (compose.engines.yaml).
tls=""
if [ -e /run/secrets/tls_key ]; then
    tls="tls-port 6380
tls-cert-file /run/secrets/tls_certificate
tls-key-file /run/secrets/tls_key
tls-auth-clients no"
fi
place="resetkeys ~renderfleet:* ~arq:* resetchannels &renderfleet:*"

exec "${VALKEY_SERVER:-valkey-server}" - <<END
bind ${REDIS_BIND:-* -::*}
port ${REDIS_PORT:-6379}
$tls
protected-mode no
dir ${REDIS_DIR:-/data}
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
user default off
user renderfleet_api on >$REDIS_API_PASSWORD $place -@all $session $both $api
user renderfleet_worker on >$REDIS_WORKER_PASSWORD $place -@all $session $both $worker
user health on nopass -@all +ping
END
