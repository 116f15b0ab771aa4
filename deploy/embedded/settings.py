"""What `make run` can be told: `make run WORKERS=2 API_PORT=8001 DATA_DIR=/tmp/b`.

Each name is accepted bare and with the prefix `RENDERFLEET_`; the prefixed one wins. What only concerns API
and workers is handed on to them with the prefix, unchecked: they check it themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PREFIX: Final = "RENDERFLEET_"

HANDED_ON: Final = (
    "API_ALLOWED_HOSTS",
    "API_CORS_ORIGINS",
    "API_PUBLIC_URL",
    "BROWSER_MAX_AGE_S",
    "BROWSER_MAX_PAGES",
    "BROWSER_MAX_RENDERS",
    "BROWSER_MAX_RSS_MB",
    "CHROMIUM_SANDBOX",
    "EGRESS_ALLOW",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "RENDER_MEMORY_LIMIT_MB",
    "SHUTDOWN_GRACE_S",
)

# The launcher is the one who knows where its engines are.
IGNORED: Final = ("DATABASE_URL", "REDIS_URL", "S3_BUCKET", "S3_ENDPOINT_URL", "S3_PUBLIC_ENDPOINT_URL")

MAX_WORKERS: Final = 64

# What the workers read as no.
_OFF: Final = {"off", "false", "0", "no", "n", "f"}


class SettingError(Exception):
    """A setting of the launcher is wrong; the text names it and what is allowed."""


def read(environment: Mapping[str, str], name: str) -> str | None:
    """A setting's text, prefixed or bare; an empty one counts as not set."""
    return environment.get(PREFIX + name) or environment.get(name) or None


def _whole_number(environment: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = read(environment, name) or str(default)
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise SettingError(f"{name} is {text!r}, but must be a whole number from {lowest} to {highest}.")
    return int(text)


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """Settings of the launcher itself.

    Attributes:
        workers: how many workers to start, 1 to 64.
        api_host: address that the API listens on.
        api_port: its port.
        data_dir: folder for everything that is kept.
        chromium_executable: the Chromium to use, if the user has chosen one.
        handed_on: prefixed variables for API and workers.
    """

    workers: int
    api_host: str
    api_port: int
    data_dir: Path
    chromium_executable: str | None
    handed_on: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check them.

        Raises:
            SettingError: a number is not one, or outside its range.
        """
        return cls(
            workers=_whole_number(environment, "WORKERS", 1, 1, MAX_WORKERS),
            api_host=read(environment, "API_HOST") or "127.0.0.1",
            api_port=_whole_number(environment, "API_PORT", 8000, 1, 65_535),
            data_dir=Path(read(environment, "DATA_DIR") or ".renderfleet").absolute(),
            chromium_executable=read(environment, "CHROMIUM_EXECUTABLE"),
            handed_on={PREFIX + name: text for name in HANDED_ON if (text := read(environment, name))},
        )

    @property
    def sandbox(self) -> bool:
        """Whether the workers will keep pages in Chromium's sandbox."""
        return self.handed_on.get(f"{PREFIX}CHROMIUM_SANDBOX", "on").lower() not in _OFF

    @property
    def local_host(self) -> str:
        """The host by which this machine reaches the API, in brackets where an address needs them."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.api_host, self.api_host)
        return f"[{host}]" if ":" in host else host

    @property
    def address(self) -> str:
        """The API's address as seen from this machine."""
        return f"http://{self.local_host}:{self.api_port}"

    def child_environment(self, inherited: Mapping[str, str], engines: Mapping[str, str]) -> dict[str, str]:
        """Variables for API, workers and migrations: ours win over inherited ones.

        Inherited AWS variables are dropped, all of them: a profile or a session token of the user's own
        account would go to the embedded S3 server, or send our artifacts to Amazon's.
        """
        ignored = {PREFIX + name for name in IGNORED}
        kept = {
            name: text
            for name, text in inherited.items()
            if name not in ignored and not name.startswith("AWS_") and text
        }
        return {
            f"{PREFIX}API_PUBLIC_URL": self.address,
            **kept,
            **self.handed_on,
            **engines,
            "RENDERFLEET_API_HOST": self.api_host,
            "RENDERFLEET_API_PORT": str(self.api_port),
            "RENDERFLEET_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
        }
