"""The three embedded engines of one data folder, started and stopped together."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.embedded.data_dir import DataDir
from deploy.embedded.engines.engine import STOP_TIMEOUT_S, Engine, EngineError
from deploy.embedded.engines.postgres_engine import PostgresEngine, programs_folder
from deploy.embedded.engines.redis_engine import RedisEngine
from deploy.embedded.engines.s3_engine import BUCKET, S3Engine
from deploy.embedded.processes import privileges
from deploy.embedded.processes.process import Pause

__all__ = ["Engine", "EngineError", "Engines"]

Step = Callable[[str], AbstractContextManager[object]]


def _silent(_title: str) -> AbstractContextManager[object]:
    return contextlib.nullcontext()


class Engines:
    """Redis, Postgres and S3 of one data folder. Use `Engines.start`, as a context manager.

    Attributes:
        data_dir: the folder, locked for this process until `close`.
        redis, postgres, s3: each with `start`, `stop`, `kill`, `restart`, `running`, `port`, `log`.
    """

    def __init__(self, data_dir: DataDir, *, pause: Pause = time.sleep) -> None:
        self.data_dir = data_dir
        self.redis = RedisEngine(data_dir, pause=pause)
        self.postgres = PostgresEngine(data_dir, pause=pause)
        self.s3 = S3Engine(data_dir, pause=pause)

    @classmethod
    def start(cls, folder: Path | str, *, pause: Pause = time.sleep, step: Step = _silent) -> Self:
        """Lock the folder and start all three engines. After a failure all are stopped again.

        Args:
            folder: for the data. It is made if needed.
            pause: sleeps while an engine is starting. If it raises, the start is cancelled.
            step: opens a context for the start of each engine, to show progress.

        Raises:
            DataDirError: another instance uses the folder, or it cannot be written.
            PrivilegeError: as root, where user namespaces are not allowed.
            EngineError: an engine does not start.
        """
        engines = cls(DataDir(Path(folder), pause=pause), pause=pause)
        try:
            engines.start_each(step)
        except BaseException:
            engines.close()
            raise
        return engines

    def start_each(self, step: Step = _silent) -> None:
        """Start one engine after the other. After a failure, call `close` to stop those that run.

        Raises:
            PrivilegeError, EngineError: as in `start`.
        """
        privileges.require(readable=programs_folder(), writable=self.data_dir.path)
        for engine in self.all:
            with step(engine.title):
                engine.start()

    @property
    def all(self) -> tuple[Engine, ...]:
        """The engines in the order in which they start."""
        return (self.redis, self.postgres, self.s3)

    @property
    def redis_url(self) -> str:
        """`redis://` address with the password."""
        return self.redis.url

    @property
    def database_url(self) -> str:
        """`postgresql://` address with user, password and database."""
        return self.postgres.url

    @property
    def s3_endpoint_url(self) -> str:
        """`http://` address of the S3 server."""
        return self.s3.endpoint_url

    @property
    def s3_bucket(self) -> str:
        """Name of the bucket, which exists."""
        return BUCKET

    @property
    def s3_environment(self) -> dict[str, str]:
        """`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`."""
        return self.s3.credentials

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process of renderfleet finds these engines."""
        return {
            "RENDERFLEET_REDIS_URL": self.redis_url,
            "RENDERFLEET_DATABASE_URL": self.database_url,
            "RENDERFLEET_S3_ENDPOINT_URL": self.s3_endpoint_url,
            "RENDERFLEET_S3_BUCKET": self.s3_bucket,
            **self.s3_environment,
        }

    def close(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop all three at once, kill them after `timeout_s`, and unlock the folder. It may be repeated."""
        with ThreadPoolExecutor(max_workers=len(self.all)) as pool:
            stopped = [pool.submit(engine.stop, timeout_s) for engine in self.all]
        self.data_dir.close()
        for future in stopped:
            future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
