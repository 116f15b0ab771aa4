"""Settings of `make run`, for example `make run WORKERS=2 API_PORT=8001 DATA_DIR=/tmp/b`.

Each name may have the prefix `RENDERFLEET_`; if a variable is set with and without it, the prefixed one is
used. Settings that are only for API and workers are passed on to them with the prefix. They check them.

On the command line of make every setting may stand without the prefix, and one that nobody knows stops the
start: who has just typed it is there to correct it. In the environment only the names in `PASSED_ON` are read
without the prefix, because other programs may mean something else by the rest. A misspelt name with the
prefix is only told: it may be meant for another release, which reads the same environment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from fleet.setting_names import NAMES, PREFIX, nearest

PASSED_ON: Final = (
    "API_ALLOWED_HOSTS",
    "API_CORS_ORIGINS",
    "API_PUBLIC_URL",
    "API_UI",
    "BROWSER_MAX_AGE_S",
    "BROWSER_MAX_PAGES",
    "BROWSER_MAX_RENDERS",
    "BROWSER_MAX_RSS_MB",
    "CAPTURE_MEMORY_MB",
    "CHROMIUM_SANDBOX",
    "EGRESS_ALLOW",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "RENDER_MEMORY_LIMIT_MB",
    "SHUTDOWN_GRACE_S",
)

# The launcher sets these itself: they are the addresses of its engines.
IGNORED: Final = ("DATABASE_URL", "REDIS_URL", "S3_BUCKET", "S3_ENDPOINT_URL", "S3_PUBLIC_ENDPOINT_URL")

# Variables of the Makefile that may be given with any target.
_OF_MAKE: Final = ("PYTHON", "VENV_PYTHON", "SHELL")

MAX_WORKERS: Final = 64
_LAST_PORT: Final = 65_535
DEFAULT_DATA_DIR: Final = ".renderfleet"

# Values that the workers read as "off".
_OFF: Final = {"off", "false", "0", "no", "n", "f"}


class SettingError(Exception):
    """A setting of the launcher is wrong; the message names it and says what is allowed."""


def read(environment: Mapping[str, str], name: str) -> str | None:
    """The text of a setting, with or without the prefix; None if it is not set, or empty."""
    return environment.get(PREFIX + name) or environment.get(name) or None


def _whole_number(environment: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = read(environment, name) or str(default)
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise SettingError(f"{name} is {text!r}, but must be a whole number from {lowest} to {highest}.")
    return int(text)


def _require_known(name: str) -> None:
    if name in IGNORED:
        raise SettingError(
            f"make run brings its own Postgres, Redis and S3, so it cannot be given {name}. For engines of "
            "your own, start `python -m api` and `python -m worker` (docs/operations/start-a-worker.md)."
        )
    if name not in NAMES and name != "WORKERS":
        like = nearest(name, {*NAMES, "WORKERS"})
        guess = f" Did you mean {like}?" if like else ""
        raise SettingError(f"there is no setting {name}.{guess} docs/settings.md has all of them.")


def _range(ports: range) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """Settings of the launcher itself.

    Attributes:
        workers: how many workers to start, 1 to 64.
        api_host: address at which the API listens.
        api_port: port at which the API listens.
        data_dir: folder for all data.
        chromium_executable: the Chromium to use; None: search for one.
        worker_metrics_port: port of the first worker's metrics; the others have those after it. 0: no ports.
        passed_on: variables for API and workers, with the prefix.
    """

    workers: int
    api_host: str
    api_port: int
    data_dir: Path
    chromium_executable: str | None
    worker_metrics_port: int
    passed_on: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], given: Iterable[str] = ()) -> Self:
        """Read and check the settings.

        Args:
            environment: variables, also those that were given to make, which exports them.
            given: names of variables on the command line of make.

        Raises:
            SettingError: a value is not a number, or is outside its range; or a given name is unknown.
        """
        names = {name.removeprefix(PREFIX) for name in given}
        for name in sorted(names - set(_OF_MAKE)):
            _require_known(name)
        settings = cls(
            workers=_whole_number(environment, "WORKERS", 1, 1, MAX_WORKERS),
            api_host=read(environment, "API_HOST") or "127.0.0.1",
            api_port=_whole_number(environment, "API_PORT", 8000, 1, _LAST_PORT),
            data_dir=Path(read(environment, "DATA_DIR") or DEFAULT_DATA_DIR).absolute(),
            chromium_executable=read(environment, "CHROMIUM_EXECUTABLE"),
            worker_metrics_port=_whole_number(environment, "WORKER_METRICS_PORT", 0, 0, _LAST_PORT),
            passed_on={
                PREFIX + name: text
                for name in {*PASSED_ON, *names & NAMES}
                if (text := read(environment, name))
            },
        )
        settings.require_ports()
        return settings

    def require_ports(self) -> None:
        """Check that each worker has a port for its metrics, if they are to have any, and the API its own.

        Raises:
            SettingError: there are too few ports, or one of them is that of the API.
        """
        ports = self.metrics_ports
        if self.api_port in ports:
            raise SettingError(f"API_PORT {self.api_port} is one of WORKER_METRICS_PORT: {_range(ports)}.")
        if ports and ports[-1] > _LAST_PORT:
            raise SettingError(
                f"WORKER_METRICS_PORT {ports[0]} leaves no port for each of {self.workers} workers."
            )

    @property
    def metrics_ports(self) -> range:
        """The port of each worker's metrics; empty: they have none."""
        first = self.worker_metrics_port
        return range(first, first + self.workers) if first else range(0)

    def worker_environment(self, number: int) -> dict[str, str]:
        """Variables of one worker besides those of all.

        Args:
            number: 1 for the first one.
        """
        ports = self.metrics_ports
        return {f"{PREFIX}WORKER_METRICS_PORT": str(ports[number - 1])} if ports else {}

    @property
    def sandbox(self) -> bool:
        """Whether the workers will render pages in Chromium's sandbox."""
        return self.passed_on.get(f"{PREFIX}CHROMIUM_SANDBOX", "on").lower() not in _OFF

    @property
    def local_host(self) -> str:
        """The host at which this machine reaches the API; IPv6 in brackets."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.api_host, self.api_host)
        return f"[{host}]" if ":" in host else host

    @property
    def address(self) -> str:
        """The API's address as seen from this machine."""
        return f"http://{self.local_host}:{self.api_port}"

    def child_environment(self, inherited: Mapping[str, str], engines: Mapping[str, str]) -> dict[str, str]:
        """Variables for API, workers and migrations: the inherited ones, replaced by those of this run.

        All inherited AWS variables are removed. A profile or a session token of the user's own account could
        be sent to the embedded S3 server, or artifacts could be stored in the user's account.
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
            **self.passed_on,
            **engines,
            "RENDERFLEET_API_HOST": self.api_host,
            "RENDERFLEET_API_PORT": str(self.api_port),
            "RENDERFLEET_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
        }
