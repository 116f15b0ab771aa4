"""Structured logs: for people on a terminal, JSON otherwise, one line for each thing that happened.

Ids travel as context variables (`bind`), so that every line inside an attempt carries job_id, attempt,
worker_id and generation without being told. Query strings, user info and header values never go into a log:
callers log `without_query(url)`, and `fleet/telemetry/redaction.py` takes out what comes by another way.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import structlog
from pydantic import Field

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


Logger = structlog.stdlib.BoundLogger


def configure_logs(settings: LogSettings) -> None:
    """Set up structlog and send the standard library's records (uvicorn, arq, alembic) the same way."""
    human = settings.log_format == "human" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    )
    last: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # For people too: ConsoleRenderer's own tracebacks show local variables wherever `rich` is installed.
        structlog.processors.format_exc_info,
        _redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*last, renderer])
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # Each call has a line of ours (`api/server/call_log.py`). uvicorn's own shows query strings, which may
    # hold signatures, and `--no-access-log` only takes its handler away.
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False
    # arq writes two lines a job at info; the attempt writes its own, with ids.
    for name in ("arq", "botocore", "boto3", "urllib3", "s3transfer", "websockets", "asyncio", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _redact(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor of structlog: the line without what may be secret in it."""
    return {name: redacted_value(value) for name, value in line.items()}


def get_logger(name: str) -> Logger:
    """A logger for one module."""
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


def bind_for_good(**ids: object) -> None:
    """Add ids to every line of this process; call it before the event loop makes its tasks."""
    structlog.contextvars.bind_contextvars(**ids)


@contextmanager
def bind(**ids: object) -> Iterator[None]:
    """Add ids to every line that is logged inside, also by functions called from there."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def without_query(url: str) -> str:
    """The address without user info, query and fragment, which may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
