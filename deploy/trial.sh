#!/bin/sh
# What the image renderfleet:all starts: everything in one container, to try it. Its data is in the volume /data.
set -eu

# Docker's own profile leaves Chromium no user namespaces, and so no sandbox. Who has chosen is not asked again.
if [ -z "${RENDERFLEET_CHROMIUM_SANDBOX:-}" ] && ! unshare --user true 2> /dev/null; then
    export RENDERFLEET_CHROMIUM_SANDBOX=off
    echo "This container allows no user namespaces, so Chromium runs without its sandbox: render only pages that you" \
        "trust. With the sandbox: docker run --security-opt seccomp=unconfined ..., or deploy/compose.yaml."
fi
exec python -m deploy.embedded
