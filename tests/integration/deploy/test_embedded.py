"""The embedded engines: they start, come back on their port, keep their data, and end with their owner."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psutil
import pytest
import redis as redis_client
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from deploy.embedded.data_dir import DataDirError
from deploy.embedded.engines.engines import EngineError, Engines
from deploy.embedded.engines.ports import PortError, free_port, require_free
from deploy.embedded.engines.redis_engine import RedisEngine
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S

# Starts the engines, says so, and waits to be killed.
OWNER = """
import sys, time
from deploy.embedded.engines.engines import Engines
with Engines.start(sys.argv[1]) as engines:
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def own_engines(tmp_path: Path) -> Iterator[Engines]:
    with Engines.start(tmp_path / "data") as started:
        yield started


def s3(engines: Engines, *, secret: str | None = None) -> S3Client:
    credentials = engines.s3_environment
    return boto3.client(
        "s3",
        endpoint_url=engines.s3_endpoint_url,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or credentials["AWS_SECRET_ACCESS_KEY"],
        region_name=credentials["AWS_DEFAULT_REGION"],
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def write_everywhere(engines: Engines, text: str) -> None:
    with redis_client.Redis.from_url(engines.redis_url) as redis:
        redis.set("text", text)
    engines.postgres.query(f"CREATE TABLE texts AS SELECT '{text}' AS text")
    with contextlib.closing(s3(engines)) as client:
        client.put_object(Bucket=engines.s3_bucket, Key="a/text", Body=text.encode())


def read_everywhere(engines: Engines) -> list[str]:
    with redis_client.Redis.from_url(engines.redis_url, decode_responses=True) as redis:
        first = str(redis.get("text"))
    second = engines.postgres.query("SELECT text FROM texts")
    with contextlib.closing(s3(engines)) as client:
        third = client.get_object(Bucket=engines.s3_bucket, Key="a/text")["Body"].read().decode()
    return [first, second, third]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


def ended(process: psutil.Process) -> bool:
    """Gone, or a zombie that waits for init."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_every_engine_refuses_who_has_no_secret(engines: Engines) -> None:
    with (
        redis_client.Redis(port=engines.redis.port) as nobody,
        pytest.raises(redis_client.AuthenticationError, match="Authentication required"),
    ):
        nobody.ping()
    psql = [
        str(engines.postgres.programs / "psql"),
        engines.database_url.replace("fleet:", "fleet:not"),
        "-c",
        "SELECT 1",
    ]
    refused = subprocess.run(psql, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert "password authentication failed" in refused.stderr
    with (
        contextlib.closing(s3(engines, secret="wrong")) as stranger,
        pytest.raises(ClientError, match=r"403|Forbidden|SignatureDoesNotMatch"),
    ):
        stranger.list_objects_v2(Bucket=engines.s3_bucket)


def test_engines_listen_on_loopback_only(engines: Engines) -> None:
    for engine in engines.all:
        assert engine.child is not None
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(engine.child.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"], engine.title


def test_secrets_and_data_are_for_their_owner_alone(engines: Engines) -> None:
    folder = engines.data_dir.path
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600
    for name in ("redis", "postgres", "s3", "log"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name


def test_secrets_are_in_no_command_line(engines: Engines) -> None:
    secrets = [engines.data_dir.secrets.redis_password, engines.data_dir.secrets.postgres_password]
    secrets.append(engines.data_dir.secrets.s3_secret_access_key)
    for engine in engines.all:
        assert engine.child is not None
        words = " ".join(psutil.Process(engine.child.pid).cmdline())
        assert not [secret for secret in secrets if secret in words], engine.title


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_every_engine_comes_back_on_its_port_with_its_data(own_engines: Engines, how: str) -> None:
    write_everywhere(own_engines, "kept")
    ports = [engine.port for engine in own_engines.all]
    for engine in own_engines.all:
        getattr(engine, how)()
        assert not engine.running
        engine.start()
    assert [engine.port for engine in own_engines.all] == ports
    assert read_everywhere(own_engines) == ["kept"] * 3


def test_data_survives_the_death_of_their_owner_and_the_engines_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Engines.start(folder) as engines:
        write_everywhere(engines, "kept")
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        assert len(family) > len(("redis", "postgres", "s3"))
        owner.kill()
    with Engines.start(folder) as engines:  # waits for the old ones by the lock that they hold
        assert all(ended(member) for member in family)
        assert read_everywhere(engines) == ["kept"] * 3


def test_a_pid_file_that_names_a_stranger_does_not_keep_postgres_down(tmp_path: Path) -> None:
    with Engines.start(tmp_path / "data") as engines:
        engines.postgres.kill()
        file = tmp_path / "data" / "postgres" / "postmaster.pid"
        stranger = str(os.getpid())
        file.write_text("\n".join([stranger, *file.read_text().split("\n")[1:]]))
        engines.postgres.start()
        assert engines.postgres.query("SELECT 1") == "1"


def test_a_folder_belongs_to_one_at_a_time(own_engines: Engines) -> None:
    with pytest.raises(DataDirError, match=rf"is in use by another renderfleet \(process {os.getpid()}\)"):
        Engines.start(own_engines.data_dir.path)
    assert own_engines.redis.running


def test_two_folders_live_beside_each_other(own_engines: Engines, engines: Engines) -> None:
    ports = {engine.port for both in (own_engines, engines) for engine in both.all}
    assert len(ports) == 2 * len(engines.all)


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(DataDirError, match="DATA_DIR /proc/nowhere cannot be used"):
        Engines.start("/proc/nowhere")


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    with pytest.raises(DataDirError, match=r"secrets\.json is damaged"):
        Engines.start(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == "{}"


def test_data_of_a_postgres_that_is_not_installed_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EngineError, match="was written by Postgres 12, but installed are: 18"):
        Engines.start(tmp_path)


def test_a_stop_that_is_asked_for_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    for looks in (0, 3, 8, 15, 25):
        countdown = iter(range(looks))

        def pause(seconds: float, left: Iterator[int] = countdown) -> None:
            if next(left, None) is None:
                raise InterruptedError
            time.sleep(seconds)

        with contextlib.suppress(InterruptedError):
            Engines.start(tmp_path / "data", pause=pause).close()
        assert set(psutil.Process().children(recursive=True)) <= before
    with Engines.start(tmp_path / "data") as engines:
        assert engines.postgres.query("SELECT 1") == "1"


def test_a_taken_port_of_the_api_is_named_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortError, match=f"Port {port} on 127.0.0.1 is in use .* API_PORT={port + 1}"):
            require_free("127.0.0.1", port, setting="API_PORT")


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(PortError, match=r"not possible to listen on 192\.0\.2\.1 port 8000: .*API_HOST"):
        require_free("192.0.2.1", 8000, setting="API_PORT")


def test_an_engine_on_a_taken_port_says_what_its_log_says(own_engines: Engines) -> None:
    second = RedisEngine(own_engines.data_dir, port=own_engines.s3.port)
    with pytest.raises(EngineError, match=r"(?s)Redis ended with exit code 1\..*[Aa]ddress already in use"):
        second.start()
    assert not second.running


def test_an_engine_outlives_the_thread_that_started_it(own_engines: Engines) -> None:
    """The kernel ties the death signal to a thread, and that must not be the caller's."""
    own_engines.postgres.stop()
    starter = threading.Thread(target=own_engines.postgres.start)
    starter.start()
    starter.join()
    assert own_engines.postgres.query("SELECT 1") == "1"
