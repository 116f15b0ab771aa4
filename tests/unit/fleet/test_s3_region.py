"""A bucket may be in any region: calls and presigned addresses name the one that was set."""

from urllib.parse import parse_qs, urlsplit

import pytest

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "example")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")


@pytest.mark.parametrize(
    ("setting", "endpoint", "region", "host"),
    [
        ("ap-southeast-2", None, "ap-southeast-2", "pictures.s3.ap-southeast-2.amazonaws.com"),
        (None, None, "us-west-2", "pictures.s3.us-west-2.amazonaws.com"),
        ("eu-central-1", "https://s3.example:9000", "eu-central-1", "s3.example:9000"),
    ],
)
def test_presigned_addresses_name_the_region(
    setting: str | None, endpoint: str | None, region: str, host: str
) -> None:
    store = Artifacts(StorageSettings(s3_bucket="pictures", s3_region=setting, s3_endpoint_url=endpoint))
    url = urlsplit(store.presign("a/b.png", content_type="image/png", disposition="inline"))
    store.close()
    assert parse_qs(url.query)["X-Amz-Credential"][0].split("/")[2:4] == [region, "s3"]
    assert url.netloc == host


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="s3_region"):
        StorageSettings(s3_region="Frankfurt am Main")
