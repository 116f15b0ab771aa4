"""What a process must not load, keep or leave behind, so that a worker fits into a small container."""

import subprocess
import sys

import boto3
import pytest
from botocore.config import Config

from fleet.artifacts.s3_client import session_of_process
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from tests.kit.paths import ROOT

# For the API, for migrations, for tests, or with the first comparison of pictures.
UNWANTED = {"PIL", "alembic", "fastapi", "httpx", "matplotlib", "sqlalchemy", "starlette", "uvicorn"}

# malloc learns from the first block to keep the second one, which cannot go while the last ones are there.
LARGE_BLOCK = """
import psutil
from worker.resources.memory.allocator import give_back_large_blocks

give_back_large_blocks()
first = b"x" * 20_000_000
del first
before = psutil.Process().memory_info().rss
large = b"x" * 15_000_000
small = [b"y" * 2_000 for _ in range(100)]
del large
print(psutil.Process().memory_info().rss - before)
"""


def output_of(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_worker_loads_nothing_that_only_others_need() -> None:
    loaded = output_of("import sys, worker.main; print(*{name.partition('.')[0] for name in sys.modules})")
    assert "playwright" in loaded.split()
    assert UNWANTED.isdisjoint(loaded.split())


def test_what_a_large_picture_took_goes_back_to_the_kernel() -> None:
    assert int(output_of(LARGE_BLOCK)) < 2_000_000


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "new-place-1"]
)
def test_the_store_is_found_in_every_region_without_the_other_services(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    artifacts = Artifacts(StorageSettings(s3_bucket="pictures", s3_endpoint_url=None))
    ours = artifacts.presign("key.png", content_type="image/png", disposition="inline")
    artifacts.close()
    stock = boto3.session.Session().client("s3", config=Config(s3={"addressing_style": "virtual"}))
    expected = stock.generate_presigned_url("get_object", Params={"Bucket": "pictures", "Key": "key.png"})
    assert ours.partition("?")[0] == expected.partition("?")[0]


def test_amazons_other_services_are_not_kept() -> None:
    assert "eu-central-1" in session_of_process().get_available_regions("s3")
    assert session_of_process().get_available_regions("ec2") == []
