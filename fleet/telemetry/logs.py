"""Structured logs: readable text on a terminal, JSON otherwise, one line per event.

Ids are context variables (`bind`), so each line that an attempt logs has job_id, attempt, worker_id and
generation. Query strings, user info and header values are never logged: `fleet/telemetry/redaction.py`
removes them from each line, also from the errors of libraries.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from pydantic import Field

from fleet.setting_names import unknown
from fleet.settings import FleetSettings
from fleet.telemetry.redaction import redacted_value


class LogSettings(FleetSettings):
    """What is logged and how."""

    log_level: str = Field(
        default="info", pattern=r"^(debug|info|warning|error)$", description="debug, info, warning or error."
    )
    log_format: str = Field(
        default="auto",
        pattern=r"^(auto|human|json)$",
        description="human, json, or auto: human on a terminal, JSON otherwise.",
    )


Logger = structlog.typing.FilteringBoundLogger


# What each line passes through. Always the same list, because loggers keep the one of their first line.
_processors: list[structlog.typing.Processor] = []


class _NamedLogger:
    """Writes lines to the standard error, and knows the name of its module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line, at once. If it cannot be written (a full disk, a closed pipe), the work goes on."""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def configure_logs(settings: LogSettings) -> None:
    """Set up structlog, and format the records of the standard library's loggers (uvicorn, arq) as it does.

    The first line names settings that no program reads: one of them may be misspelt.
    """
    human = settings.log_format == "human" or (settings.log_format == "auto" and sys.stderr.isatty())
    level = settings.log_level.upper()
    first: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [
        # Also on a terminal: ConsoleRenderer's own tracebacks show local variables if `rich` is installed.
        structlog.processors.format_exc_info,
        _redact,
        structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer(),
    ]
    # Our own lines do not pass through the standard library: each call has one, and it would cost a tenth of
    # an API process' time.
    _processors[:] = [*first, *last]
    structlog.configure(
        processors=_processors,
        logger_factory=_NamedLogger,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # `api/server/call_log.py` logs each call. uvicorn's own line shows query strings, which may contain
    # signatures, and `--no-access-log` only removes its handler.
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False
    # arq logs two lines per job at level info. The attempt logs its own line, with ids.
    for name in ("arq", "botocore", "boto3", "urllib3", "s3transfer", "websockets", "asyncio", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if names := unknown(os.environ):
        get_logger(__name__).warning("settings that no program reads", names=names)


def _redact(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor of structlog: removes possible secrets from the line."""
    return {name: redacted_value(value) for name, value in line.items()}


def get_logger(name: str) -> Logger:
    """A logger for one module."""
    logger: Logger = structlog.get_logger(name)
    return logger


def bind_for_process(**ids: object) -> None:
    """Add ids to every line of this process. Call it before any task is created."""
    structlog.contextvars.bind_contextvars(**ids)


@contextmanager
def bind(**ids: object) -> Iterator[None]:
    """Add ids to every line that is logged while the block runs."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield
