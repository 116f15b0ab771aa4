"""Server-side encryption: what goes over the wire to the store. rclone takes it and does nothing with it."""

import asyncio
import re
from pathlib import Path

import pytest

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.settings import SettingsError, load_settings
from tests.kit.servers.tcp_forwarder import TcpForwarder

MIB = 1024 * 1024
KEY_ID = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"


class Listening(TcpForwarder):
    """A wire that keeps what callers say."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.heard = bytearray()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return  # the wire was cut
        finally:
            writer.close()

    def requests(self) -> list[str]:
        """Heads of those that begin an object."""
        heads = re.findall(rb"(?:PUT|POST) /.+?\r\n\r\n", bytes(self.heard), re.DOTALL)
        return [
            head.decode("latin-1").lower() for head in heads if b"uploadId=" not in head.split(b"\r\n")[0]
        ]


async def upload(settings: StorageSettings, folder: Path) -> list[str]:
    """The requests by which a small and a large artifact begin."""
    port = int(str(settings.s3_endpoint_url).rpartition(":")[2])
    listening = Listening(port)
    await listening.resume()
    store = Artifacts(settings.model_copy(update={"s3_endpoint_url": f"http://127.0.0.1:{listening.port}"}))
    try:
        for name, size in (("small", 10), ("large", 9 * MIB)):
            (folder / name).write_bytes(b"x" * size)
            await store.upload(folder / name, f"tests/encrypted-{name}.png", content_type="image/png")
    finally:
        store.close()
        await listening.cut()
    return listening.requests()


async def test_nothing_is_asked_by_default(storage_settings: StorageSettings, tmp_path: Path) -> None:
    requests = await upload(storage_settings, tmp_path)
    assert len(requests) == 2
    assert not [request for request in requests if "server-side-encryption" in request]


async def test_each_way_of_uploading_asks_for_encryption(
    storage_settings: StorageSettings, tmp_path: Path
) -> None:
    chosen = storage_settings.model_copy(update={"s3_sse": "AES256"})
    requests = await upload(chosen, tmp_path)
    assert len(requests) == 2
    for request in requests:
        assert "x-amz-server-side-encryption: aes256\r\n" in request
        assert "aws-kms" not in request


async def test_a_key_of_ones_own_is_named(storage_settings: StorageSettings, tmp_path: Path) -> None:
    chosen = storage_settings.model_copy(update={"s3_sse": "aws:kms", "s3_sse_kms_key_id": KEY_ID})
    requests = await upload(chosen, tmp_path)
    assert len(requests) == 2
    for request in requests:
        assert "x-amz-server-side-encryption: aws:kms\r\n" in request
        assert f"x-amz-server-side-encryption-aws-kms-key-id: {KEY_ID}\r\n" in request


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"S3_SSE": "aes256"}, "RENDERFLEET_S3_SSE is wrong"),
        ({"S3_SSE": "aws:kms:dsse"}, "RENDERFLEET_S3_SSE is wrong"),
        (
            {"S3_SSE_KMS_KEY_ID": KEY_ID},
            "RENDERFLEET_S3_SSE_KMS_KEY_ID is wrong: .*only with RENDERFLEET_S3_SSE=aws:kms",
        ),
        ({"S3_SSE": "AES256", "S3_SSE_KMS_KEY_ID": KEY_ID}, "RENDERFLEET_S3_SSE_KMS_KEY_ID is wrong"),
    ],
)
def test_what_makes_no_sense_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"RENDERFLEET_{name}", value)
    with pytest.raises(SettingsError, match=words):
        load_settings(StorageSettings)
