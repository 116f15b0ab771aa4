"""What an operator can do when Chromium does not start, from what Playwright says about it."""

from typing import Final

from fleet.telemetry.logs import get_logger

SANDBOX_ADVICE: Final = (
    "Chromium's sandbox needs an ordinary user and user namespaces: do not run as root; in a container use "
    "deploy/seccomp/chromium.json; allow user namespaces on the host (sysctls user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone; kernel.apparmor_restrict_unprivileged_userns on Ubuntu from 23.10). "
    "RENDERFLEET_CHROMIUM_SANDBOX=off turns it off: then a page that exploits a bug of Chromium can run code "
    "on this machine"
)

# The first word that the reason holds, in lower case, decides.
ADVICE: Final = (
    (
        "executable doesn't exist",
        (
            "set RENDERFLEET_CHROMIUM_EXECUTABLE to a Chromium or its headless shell, or run "
            "`python -m playwright install --only-shell chromium`"
        ),
    ),
    (
        "spawn ",
        "RENDERFLEET_CHROMIUM_EXECUTABLE must name a program that this user may run",
    ),
    ("sandbox", SANDBOX_ADVICE),
    (
        "error while loading shared libraries",
        "install the libraries that Chromium needs: `python -m playwright install-deps chromium`",
    ),
    (
        "timeout",
        "the machine may be too busy: give it fewer workers, or raise RENDERFLEET_BROWSER_LAUNCH_TIMEOUT_S",
    ),
)
OTHERWISE: Final = "run the executable by hand as this user and read what it writes"

log = get_logger(__name__)


def log_launch_failure(message: str) -> None:
    """Log why Chromium did not start, and what to do."""
    reason = reason_of(message)
    log.error("Chromium did not start", fix=advice(reason), reason=reason)


def reason_of(message: str) -> str:
    """Playwright's message without the command line, which names every flag there is."""
    return message.partition("Call log:")[0].partition("<launching>")[0].strip()


def advice(reason: str) -> str:
    """What to do about it."""
    lower = reason.lower()
    return next((text for word, text in ADVICE if word in lower), OTHERWISE)
