#!/bin/sh
# Makes what a second machine needs to run workers of this fleet: deploy/second-machine.tar. Run it on the first machine:
#
#   sh deploy/second-machine.sh ADDRESS [api]
#
# ADDRESS: this machine's IP address in the private network. With the word api, the second machine may also run an API.
# The certificate of the engines is made too, by an authority of its own, for ten years; a second run keeps it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=$here/secrets
address=${1:?Give the address of this machine in the private network: sh deploy/second-machine.sh 10.0.0.5}
setting() { # NAME DEFAULT: what .env says
    found=$([ ! -e "$here/.env" ] || sed -n "s/^$1=//p" "$here/.env")
    echo "${found:-$2}"
}
sh "$here/secrets.sh" > /dev/null # keeps what is there
before=$(setting ENGINES_ADDRESS "$address")
if [ "$before" != "$address" ]; then
    echo "renderfleet: deploy/.env says ENGINES_ADDRESS=$before. To use $address, remove that line and" \
        "deploy/secrets/tls_*, deploy/secrets/engines_ca*, and run this again." >&2
    exit 1
fi
grep -q '^ENGINES_ADDRESS=' "$here/.env" 2> /dev/null || echo "ENGINES_ADDRESS=$address" >> "$here/.env"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The authority: its key stays on this machine. The certificate: for the address.
if [ ! -e "$folder/tls_certificate" ]; then
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -sha256 \
        -subj "/CN=renderfleet engines" -addext "basicConstraints=critical,CA:true" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout "$folder/engines_ca_key" -out "$work/ca" 2> "$work/said") || { cat "$work/said" >&2; exit 1; }
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$address" \
        -keyout "$work/key" -out "$work/request" 2> "$work/said"
    printf '%s\n' "subjectAltName=IP:$address" "basicConstraints=critical,CA:false" "extendedKeyUsage=serverAuth" \
        "authorityKeyIdentifier=keyid" > "$work/extensions"
    openssl x509 -req -in "$work/request" -CA "$work/ca" -CAkey "$folder/engines_ca_key" \
        -CAcreateserial -CAserial "$work/serial" \
        -days 3650 -sha256 -extfile "$work/extensions" -out "$work/certificate" 2> "$work/said"
    for name in ca:engines_ca key:tls_key certificate:tls_certificate; do
        install -m 644 "$work/${name%%:*}" "$folder/${name##*:}"
    done
fi

# The same users as on this machine, at the published ports, with the certificate checked.
postgres=$address:$(setting ENGINES_POSTGRES_PORT 5432)
redis=$address:$(setting ENGINES_REDIS_PORT 6380)
ca=/run/secrets/engines_ca
at() { # FILE FROM TO: the address in a file of secrets, with another host
    sed "s|@$2|@$3|" "$folder/$1"
}
mkdir -m 700 "$work/out" "$work/out/secrets"
mkdir "$work/out/seccomp"
for program in worker ${2:+api}; do
    at "${program}_database_url" "postgres:5432/renderfleet" \
        "$postgres/renderfleet?sslmode=verify-full\&sslrootcert=$ca" > "$work/out/secrets/${program}_database_url"
    at "${program}_redis_url" "redis:6379/0" "$redis/0?ssl_ca_certs=$ca" |
        sed 's|^redis:|rediss:|' > "$work/out/secrets/${program}_redis_url"
done
cp "$folder/s3_credentials" "$folder/secret_keys" "$folder/engines_ca" "$work/out/secrets/"
cp "$here/compose.worker.yaml" "$work/out/"
cp "$here/seccomp/chromium.json" "$work/out/seccomp/"
chmod 644 "$work"/out/secrets/* "$work/out/compose.worker.yaml" "$work/out/seccomp/chromium.json"
{
    echo "ENGINES_ADDRESS=$address"
    echo "ENGINES_S3_PORT=$(setting ENGINES_S3_PORT 9443)"
    for name in S3_PUBLIC_ENDPOINT_URL API_PUBLIC_URL; do
        value=$(setting $name "")
        [ -z "$value" ] || echo "$name=$value"
    done
} > "$work/out/.env"
(umask 077 && tar -C "$work/out" -cf "$here/second-machine.tar" .)
echo "renderfleet: wrote $here/second-machine.tar. It has passwords: copy it to the second machine, and remove it."
