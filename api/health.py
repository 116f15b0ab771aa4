"""`python -m api.health [--ready]`: does the API of this machine live, is it ready? For orchestrators.

Prints one sentence; exit code 0: yes, 1: no. Asks at API_HOST and API_PORT. The standard library alone,
because an orchestrator runs it every few seconds: it takes 50 ms.
"""

import argparse
import http.client
import os
import sys
from http import HTTPStatus
from typing import Final

# api/settings.py says the same and takes 200 ms to import; a test holds the two together.
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = "8000"

# Who listens at all addresses is asked at one.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# Beyond what the API takes to hear of its dependencies (fleet/telemetry/probes.py).
_TIMEOUT_S: Final = 4.0


def check(host: str, port: int, path: str) -> tuple[bool, str]:
    """Ask; whether the answer is yes, and a sentence for people."""
    connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return False, f"the API does not answer at {host} port {port}: {error!r}"
    finally:
        connection.close()
    return answer.status == HTTPStatus.OK, f"the API says: {said}"


def main(words: list[str]) -> int:
    """Ask, tell, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api.health", description="Asks the local API.")
    parser.add_argument("--ready", action="store_true", help="ask whether it is ready, not only alive")
    path = "/readyz" if parser.parse_args(words).ready else "/livez"
    host = os.environ.get("RENDERFLEET_API_HOST") or DEFAULT_HOST
    port = int(os.environ.get("RENDERFLEET_API_PORT") or DEFAULT_PORT)
    is_well, sentence = check(host, port, path)
    sys.stdout.write(f"{sentence}\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
