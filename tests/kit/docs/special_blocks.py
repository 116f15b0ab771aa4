"""Blocks that need special treatment. A block's name is its page and the beginning of its first line."""

from collections.abc import Mapping
from typing import Final

from tests.kit.docs.reader import CtrlC

# The block that starts the fleet on which all others are tried, and what it says last.
START: Final = "README.md: make run"
STARTED: Final = "Ctrl-C stops everything"

# Blocks that cannot run here, and why.
NOT_RUN: Final[Mapping[str, str]] = {
    "docs/blocking.md: export RENDERFLEET_FILTER_LISTS_FOLDER=/var/lib/renderfleet/": (
        "the reader has to fill in the addresses of lists on the internet"
    ),
    "docs/operations/second-machine.md: ssh 10.0.0.6 'mkdir -p renderfleet && tar -x -C renderfleet'": (
        "there is no second machine"
    ),
    "docs/operations/second-machine.md: cd renderfleet && docker compose -f compose.worker.yaml up -": (
        "there is no second machine"
    ),
    "docs/operations/start-a-worker.md: git clone YOUR-COPY-OF-THE-REPOSITORY renderfleet && cd rend": (
        "the reader has to fill in an address, and it installs from the internet"
    ),
}
# Containers are not built here. This program only prints the arguments that the shell passes to it.
WORDS_ALONE: Final = "docker"
# `make` only prints its commands. They would run the whole suite, half an hour of chaos, or a second fleet.
MAKE_SAYS: Final = {"MAKEFLAGS": "n"}

# Blocks that run until Ctrl-C.
_WORKER: Final = CtrlC("worker ready", "worker stopped")
_SERVICE: Final = CtrlC("egress service ready", "egress service stopped")
UNTIL_CTRL_C: Final[Mapping[str, CtrlC]] = {
    "docs/operations/network.md: RENDERFLEET_EGRESS_SERVICE_TOKEN=$TOKEN RENDERFLEET_EGRESS_S": _SERVICE,
    "docs/operations/network.md: RENDERFLEET_EGRESS_SERVICE_URL=http://:$TOKEN@10.0.0.5:3128 ": _WORKER,
    "docs/operations/start-a-worker.md: PID=$(pgrep -o -f 'python -m worker$')": _WORKER,
    "docs/operations/start-a-worker.md: set -a; . ./worker.env; set +a": _WORKER,
}

# The block that needs an empty database.
RESTORE: Final = "docs/operations/backup.md: pg_restore "
EXAMPLE_KEY_ID: Final = "0a1b2c3d4e5f"

_IS_A_PICTURE: Final = "head -c 4 example.png | grep -a -q PNG\n"
# Commands that check the effect of a block. They are run after it.
AND_THEN: Final[Mapping[str, str]] = {
    'README.md: curl -sS --fail-with-body localhost:8000/v1/screenshot -H "X': _IS_A_PICTURE,
    "README.md: KEY=$(cat .renderfleet/api-key)": _IS_A_PICTURE,
    "docs/documents.md: mkdir -p report/css": "head -c 4 report.pdf | grep -a -q %PDF\n",
    "docs/links.md: encoded() {": (
        'signed_link http://localhost:8000 /v1/screenshot "$KEY" "$(($(date +%s) + 60))" '
        "url \"https://example.com/a b?c=d&e='f'\" >link\n"
        'curl -sS --fail-with-body "$(cat link)" | head -c 4 | grep -a -q PNG\n'
    ),
    "docs/tenants.md: ADMIN_KEY=$(python -m fleet.keys create --tenant ops --new-t": (
        "curl -sS localhost:8000/v1/admin/keys/0a1b2c3d4e5f "
        '-H "Authorization: Bearer $ADMIN_KEY" | grep -q revoked_at\n'
    ),
}
