import hashlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import UUID

import pytest
from pydantic import SecretStr

from fleet.render.pdf.document import PdfDocument
from fleet.render.request import RenderRequest
from fleet.render.sealed import (
    CONTENT,
    CREDENTIALS,
    SECRET_FIELDS,
    SealedRequest,
    nested,
    sealed_columns,
    sealed_job_columns,
    whole_json,
)
from fleet.settings import SettingsError, load_settings
from fleet.vault import Purpose, SecretOwner, UnsealError, Vault
from fleet.vault.key_file import new_key, read_or_make
from fleet.vault.settings import SecretSettings
from tests.kit.patience import PATIENCE_S

OLD, NEW = b"o" * 32, b"n" * 32
TENANT, OTHER, JOB = UUID(int=1), UUID(int=2), UUID(int=3)
OWNER = SecretOwner(Purpose.JOB, TENANT, JOB)
MARKER = b"marker-of-a-secret"
KEY = new_key()
# Made when the format was, for OWNER, by OLD.
SEALED = bytes.fromhex(
    "0103b7916f41c349ebefe0dee9557b230f6bcf50afecd376f894453"
    "8e44f117d21600a9ec4f69247838fcc2257b3f4717ce604dabb27c3"
)
DIGEST = bytes.fromhex("f0f5df3e015ff14bc5ad3c80bbf810e9498c7d6ada38d4a4c9e3761c2ba25818")


def test_what_was_sealed_opens_and_does_not_show() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(MARKER, owner=OWNER)
    assert vault.unseal(sealed, owner=OWNER) == MARKER
    assert MARKER not in sealed
    assert sealed != vault.seal(MARKER, owner=OWNER)


def test_what_lies_in_databases_since_the_beginning_opens() -> None:
    vault = Vault([OLD])
    assert vault.unseal(SEALED, owner=OWNER) == MARKER
    assert vault.digest(MARKER, tenant_id=TENANT) == DIGEST


@pytest.mark.parametrize(
    "other",
    [
        SecretOwner(Purpose.JOB, OTHER, JOB),
        SecretOwner(Purpose.JOB, TENANT, OTHER),
        SecretOwner(Purpose.SCHEDULE, TENANT, JOB),
    ],
)
def test_it_opens_for_its_owner_alone(other: SecretOwner) -> None:
    vault = Vault([OLD])
    sealed = vault.seal(MARKER, owner=OWNER)
    with pytest.raises(UnsealError):
        vault.unseal(sealed, owner=other)


def test_nothing_of_it_can_be_changed_or_left_out() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(MARKER, owner=OWNER)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(UnsealError):
            vault.unseal(bytes(changed), owner=OWNER)
        with pytest.raises(UnsealError):
            vault.unseal(sealed[:place], owner=OWNER)


def test_the_first_key_seals_and_all_unseal() -> None:
    sealed = Vault([OLD]).seal(MARKER, owner=OWNER)
    both = Vault([NEW, OLD])
    assert both.unseal(sealed, owner=OWNER) == MARKER
    anew = both.seal(MARKER, owner=OWNER)
    assert Vault([NEW]).unseal(anew, owner=OWNER) == MARKER
    with pytest.raises(UnsealError):
        Vault([NEW]).unseal(sealed, owner=OWNER)


def test_a_digest_tells_nothing_without_the_key_and_is_known_under_each_key() -> None:
    digest = Vault([OLD]).digest(MARKER, tenant_id=TENANT)
    assert digest not in (hashlib.sha256(MARKER).digest(), hashlib.sha256(TENANT.bytes + MARKER).digest())
    assert digest != Vault([NEW]).digest(MARKER, tenant_id=TENANT)
    assert digest != Vault([OLD]).digest(MARKER, tenant_id=OTHER)
    both = Vault([NEW, OLD])
    assert both.matches(digest, MARKER, tenant_id=TENANT)
    assert not both.matches(digest, MARKER, tenant_id=OTHER)
    assert not both.matches(digest, b"another", tenant_id=TENANT)
    assert not Vault([NEW]).matches(digest, MARKER, tenant_id=TENANT)


@pytest.mark.parametrize(
    "given",
    [
        {"html": "<p>marker</p>"},
        {"html": "<p>marker</p>", "format": "pdf", "priority": 9},
        {"url": "https://example.com/", "proxy": {"server": "http://marker.example.com:3128"}},
        {"html": "<p>marker</p>", "proxy": {"server": "http://marker.example.com:3128"}},
        {"url": "https://example.com/"},
        {"url": "https://example.com/", "format": "pdf", "pdf": {"password": {"user": "marker"}}},
        {
            "html": "<p>marker",
            "format": "pdf",
            "pdf": {
                "landscape": True,
                "password": {"owner": "marker", "permissions": ["copy"]},
                "prepend": [{"content": "bWFya2Vy"}],
                "append": [{"content": "bWFya2Vy"}],
                "attachments": [{"name": "marker", "content": "bWFya2Vy", "relationship": "data"}],
                "watermark": {"text": "marker"},
            },
        },
    ],
)
def test_a_request_is_whole_again_and_its_public_part_shows_no_secret(given: dict[str, object]) -> None:
    vault, request = Vault([OLD]), RenderRequest.model_validate(given)
    public_json, secrets, names = sealed_columns(request, vault, OWNER)
    assert "marker" not in public_json
    assert "bWFya2Vy" not in public_json
    pdf = given.get("pdf", {})
    assert isinstance(pdf, dict)
    all_names = {*given, *(f"pdf.{name}" for name in pdf)}
    assert (names or "") == ",".join(sorted(SECRET_FIELDS & all_names))
    whole = SealedRequest(public_json, secrets).unseal(vault, OWNER)
    assert RenderRequest.model_validate_json(nested(whole)) == request
    assert whole == whole_json(request)
    of_job = sealed_job_columns(request, vault, OWNER)
    assert (of_job[0], of_job[3]) == (public_json, names)
    whole = SealedRequest(*of_job[:3]).unseal(vault, OWNER)
    assert RenderRequest.model_validate_json(nested(whole)) == request


def test_credentials_and_content_of_a_job_are_two_parts() -> None:
    vault = Vault([OLD])
    given = {
        "html": "<p>",
        "actions": [{"press": "a"}],
        "proxy": {"server": "http://marker.example.com:3128"},
        "format": "pdf",
        "pdf": {"password": {"user": "marker"}, "watermark": {"text": "marker"}},
    }
    _, secrets, content, names = sealed_job_columns(RenderRequest.model_validate(given), vault, OWNER)
    assert names == "actions,html,pdf.password,pdf.watermark,proxy"
    assert secrets is not None
    assert content is not None
    assert set(json.loads(vault.unseal(secrets, owner=OWNER))) == {"actions", "pdf.password", "proxy"}
    assert set(json.loads(vault.unseal(content, owner=OWNER))) == {"html", "pdf.watermark"}


def test_every_secret_field_is_an_option_and_of_one_kind() -> None:
    nested_names = {name for name in SECRET_FIELDS if "." in name}
    assert set(RenderRequest.model_fields) >= SECRET_FIELDS - nested_names
    assert {f"pdf.{name}" for name in PdfDocument.model_fields} >= nested_names
    assert not CREDENTIALS & CONTENT


def test_all_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    at_once = Barrier(8)

    def start(folder: Path) -> bytes:
        at_once.wait(timeout=PATIENCE_S)
        return read_or_make(folder)

    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            folder = tmp_path / str(number)
            keys = set(pool.map(start, [folder] * 8))
            assert keys == {read_or_make(folder)}
            assert [path.name for path in folder.iterdir()] == ["secret-key"]
            assert stat.S_IMODE((folder / "secret-key").stat().st_mode) == 0o600


def test_a_damaged_key_file_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "secret-key"
    file.write_text("half a ke")
    with pytest.raises(SettingsError, match="secret-key is damaged") as caught:
        read_or_make(tmp_path)
    assert "half a ke" not in str(caught.value)
    assert file.read_text() == "half a ke"


def test_a_folder_that_cannot_hold_the_key_is_named() -> None:
    with pytest.raises(SettingsError, match="/proc/nowhere/secret-key cannot be read or made"):
        read_or_make(Path("/proc/nowhere"))


def test_keys_of_the_settings_go_before_the_file(tmp_path: Path) -> None:
    settings = SecretSettings(secret_keys=SecretStr(f"{KEY}, {new_key()}"))
    vault = Vault.open(settings, tmp_path)
    assert vault.key_ids > {vault.newest_id}
    assert vault.newest_id == Vault.open(SecretSettings(secret_keys=SecretStr(KEY)), tmp_path).newest_id
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "keys",
    ["c2hvcnQ=", f"{KEY},{KEY}", f"{KEY};{KEY}", KEY + "A", "é" * 43],
    ids=["short", "twice", "semicolon", "long", "not base64"],
)
def test_keys_that_are_none_stop_the_start_and_are_not_shown(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENDERFLEET_SECRET_KEYS", keys)
    with pytest.raises(SettingsError, match="RENDERFLEET_SECRET_KEYS is wrong") as caught:
        load_settings(SecretSettings)
    assert keys not in str(caught.value)
