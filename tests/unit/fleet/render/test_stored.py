"""A stored request is rendered if it is valid now, and refused in words that help if it is not."""

import json
from uuid import UUID

import pytest

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest, sealed_columns
from fleet.render.stored import StoredRequestError, read_stored
from fleet.vault import Purpose, SecretOwner, UnsealError
from tests.kit.data.vaults import VAULT

OWNER = SecretOwner(Purpose.JOB, UUID(int=1), UUID(int=2))
STRICT = AddressPolicy()
LAPTOP = AddressPolicy(allow=(split_network("127.0.0.1"),))
PRIVATE = "http://127.0.0.1/"


def read(policy: AddressPolicy, **document: object) -> RenderRequest:
    return read_stored(SealedRequest(json.dumps(document), None), VAULT, owner=OWNER, policy=policy)


def refusal(**document: object) -> StoredRequestError:
    with pytest.raises(StoredRequestError) as caught:
        read(STRICT, **document)
    return caught.value


def test_a_request_comes_back_with_its_secrets() -> None:
    request = RenderRequest(html="<p>secret</p>", priority=7)
    public, secrets, _ = sealed_columns(request, VAULT, OWNER)
    assert read_stored(SealedRequest(public, secrets), VAULT, owner=OWNER, policy=STRICT) == request


def test_secrets_of_another_owner_are_not_read() -> None:
    public, secrets, _ = sealed_columns(RenderRequest(html="x"), VAULT, OWNER)
    other = SecretOwner(Purpose.JOB, UUID(int=1), UUID(int=3))
    with pytest.raises(UnsealError):
        read_stored(SealedRequest(public, secrets), VAULT, owner=other, policy=STRICT)


def test_the_addresses_of_the_tenant_decide() -> None:
    assert read(LAPTOP, url=PRIVATE).url == PRIVATE
    assert refusal(url=PRIVATE).type is ErrorType.URL_BLOCKED


def test_an_invalid_request_is_refused_with_each_field() -> None:
    refused = refusal(url="https://example.com/", priority=99, retention_s=0)
    assert refused.type is ErrorType.INVALID_REQUEST
    assert refused.detail == ("priority: must be at most 9; retention_s: must be at least 1")


def test_one_blocked_address_among_other_errors_makes_it_blocked() -> None:
    refused = refusal(url=PRIVATE, priority=99)
    assert refused.type is ErrorType.URL_BLOCKED
    assert "url: The host is not public" in refused.detail
    assert "priority: " in refused.detail
