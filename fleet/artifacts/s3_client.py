"""Makes boto3 clients for any S3 server that use less memory than boto3's default clients."""

import base64
import hashlib
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from fleet.artifacts.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class _StoreData(Loader):
    """Reads botocore's data files without the data of other Amazon services: 4 MB less in every process."""

    def load_data_with_path(self, name: str) -> Any:
        """Read one data file. The client keeps it in memory."""
        data, path = super().load_data_with_path(name)
        if name == "endpoints":  # the addresses of 300 services in every region
            for partition in data["partitions"]:
                partition["services"] = {"s3": partition["services"].get("s3", {})}
        return data, path


# It keeps the files that it has read: reading and parsing them takes 0.2 s of CPU.
_DATA: Final = _StoreData()


def session_of_process() -> boto3.Session:
    """The one session for all clients of a process: it contains the description of S3's API, 8 MB.

    Making it takes 0.1 s of CPU. It is made anew if variables that it reads have changed.
    """
    return _session(frozenset(one for one in os.environ.items() if one[0].startswith("AWS_")))


@cache
def _session(_variables: frozenset[tuple[str, str]]) -> boto3.Session:
    session = Session()
    session.register_component("data_loader", _DATA)
    return boto3.Session(botocore_session=session)


def make_client(
    session: boto3.Session, settings: StorageSettings, endpoint_url: str | None, *, connections: int
) -> "S3Client":
    """Make a client for the server at `endpoint_url` (None: Amazon S3).

    Args:
        session: of this process.
        settings: bucket and timeouts.
        endpoint_url: address of the server.
        connections: how many connections the client may keep open.
    """
    # Path style, s3v4 and checksums only when required: every S3 server understands this, also rclone.
    config = Config(
        signature_version="s3v4",
        # At Amazon, botocore's default would presign the host of no region, from where new buckets redirect.
        s3={"addressing_style": "path" if endpoint_url else "virtual"},
        connect_timeout=settings.s3_timeout_s,
        read_timeout=settings.s3_timeout_s,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=connections,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.client("s3", region_name=settings.s3_region, endpoint_url=endpoint_url, config=config)
    client.meta.events.register("before-sign.s3.DeleteObjects", _add_content_md5)
    return client


def _add_content_md5(request: Any, **_: object) -> None:
    # Amazon accepts any checksum. MinIO, OneFS and others accept only Content-MD5, which botocore sends no
    # longer since 1.36 (fsspec/s3fs issue 931).
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()
