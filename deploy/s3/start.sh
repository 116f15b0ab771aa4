#!/bin/sh
# Starts rclone as an S3 server with one bucket, or as the client that asks whether it answers: sh start.sh check.
set -eu

id=$(cat /run/secrets/s3_access_key_id)
secret=$(cat /run/secrets/s3_secret_access_key)
# Passwords by environment: arguments can be read by whoever lists this machine's processes.
if [ "${1:-}" = check ]; then
    export RCLONE_S3_PROVIDER=Rclone RCLONE_S3_ENDPOINT=http://127.0.0.1:9000
    export RCLONE_S3_ACCESS_KEY_ID="$id" RCLONE_S3_SECRET_ACCESS_KEY="$secret"
    exec rclone lsf --dirs-only --retries=1 --low-level-retries=1 :s3:renderfleet
fi
# Read as a line of CSV, hence the quotes.
export RCLONE_AUTH_KEY="\"$id,$secret\""
mkdir -p /data/renderfleet
exec rclone serve s3 --addr :9000 /data
