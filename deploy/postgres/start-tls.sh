#!/bin/sh
# Starts the image's Postgres with TLS, and lets nobody in over the network without it (compose.engines.yaml).
set -eu

# Postgres takes no key that others than its own user can read, and a secret of Compose keeps its owner.
install -m 600 /run/secrets/tls_key /tmp/tls.key
# The socket leads only to who is in this container, as in the image's own file.
printf '%s\n' 'local all all trust' 'hostssl all all all scram-sha-256' > /tmp/pg_hba.conf
exec docker-entrypoint.sh postgres "$@" -c hba_file=/tmp/pg_hba.conf \
    -c ssl=on -c ssl_cert_file=/run/secrets/tls_certificate -c ssl_key_file=/tmp/tls.key
