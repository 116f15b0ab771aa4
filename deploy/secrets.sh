#!/bin/sh
# Makes the folder secrets beside compose.yaml: passwords, keys and tokens at random, a file each, in a folder that only
# you can enter. A file that is there stays as it is, because the engines' data answers to it.
set -eu

here=$(dirname "$0")
folder=$here/secrets

random() { # 192 bits in characters that need no quoting anywhere
    od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'
}

key() { # 256 bits in base64
    head -c 32 /dev/urandom | base64 | tr -d '\n'
}

earlier() { # what an older release has written into .env
    [ ! -e "$here/.env" ] || sed -n "s/^$1=//p" "$here/.env"
}

keep() { # NAME VALUE: write the file, unless it is there
    [ -e "$folder/$1" ] || printf '%s\n' "$2" > "$folder/$1"
}

make() { # NAME COMMAND: the value that .env has, or a new one
    value=$(earlier "$(echo "$1" | tr '[:lower:]' '[:upper:]')")
    keep "$1" "${value:-$($2)}"
}

value() {
    cat "$folder/$1"
}

# Mounted into containers, whose users are not you: readable also in a checkout under a umask of 077. Compose mounts a
# secret with the rights that it has here, so the folder keeps others out, not the files.
chmod a+r "$here/redis/start.sh" "$here/postgres/roles.sh" "$here/postgres/start-tls.sh" "$here/s3/start.sh" \
    "$here/caddy/Caddyfile" "$here/caddy/compose.Caddyfile" "$here/caddy/engines.Caddyfile"
[ -d "$folder" ] || mkdir -m 700 "$folder"
umask 022

for name in redis_api_password redis_worker_password postgres_password postgres_api_password postgres_worker_password \
    s3_secret_access_key egress_service_token; do
    make "$name" random
done
make secret_keys key
keep s3_access_key_id renderfleet

# What programs read: whole addresses, made of the passwords above.
database() { # ROLE PASSWORD
    echo "postgresql://$1:$(value "$2")@postgres:5432/renderfleet"
}
redis() {
    echo "redis://$1:$(value "$2")@redis:6379/0"
}
keep migrate_database_url "$(database renderfleet postgres_password)"
keep api_database_url "$(database renderfleet_api postgres_api_password)"
keep worker_database_url "$(database renderfleet_worker postgres_worker_password)"
keep api_redis_url "$(redis renderfleet_api redis_api_password)"
keep worker_redis_url "$(redis renderfleet_worker redis_worker_password)"
keep egress_service_url "http://:$(value egress_service_token)@egress:3128"
keep s3_credentials "[default]
aws_access_key_id = $(value s3_access_key_id)
aws_secret_access_key = $(value s3_secret_access_key)"
echo "renderfleet: the passwords are in $folder. Keep a copy: without it the data cannot be read. Do not commit it."
