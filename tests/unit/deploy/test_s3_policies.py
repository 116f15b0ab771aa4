"""The policies of deploy/s3 allow API and workers what each asks of S3, and no more."""

import json
import re
from typing import Any
from uuid import UUID

from fleet.artifacts.keys import difference_key, thumbnail_key
from fleet.bundles.pieces import piece_key
from tests.kit.paths import ROOT

STORE = (ROOT / "fleet" / "artifacts" / "store.py").read_text()

# By the method of boto3's client: what Amazon asks for
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
ACTIONS = {
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    "delete_object": {"s3:DeleteObject"},
    "delete_objects": {"s3:DeleteObject"},
    "generate_presigned_url": {"s3:GetObject"},
    "get_object": {"s3:GetObject"},
    "head_bucket": {"s3:ListBucket"},
    "list_multipart_uploads": {"s3:ListBucketMultipartUploads"},
    "list_objects_v2": {"s3:ListBucket"},
    "put_object": {"s3:PutObject"},
    # In parts; one that fails is aborted.
    "upload_file": {"s3:PutObject", "s3:AbortMultipartUpload"},
}
# Methods of Artifacts and what they call.
CALLS = {
    "upload": {"put_object", "upload_file"},
    "put": {"put_object"},
    "delete": {"delete_object"},
    "delete_many": {"delete_objects"},
    "delete_below": {
        "list_objects_v2",
        "delete_objects",
        "list_multipart_uploads",
        "abort_multipart_upload",
    },
    "abort_uploads": {"list_multipart_uploads", "abort_multipart_upload"},
    "presign": {"generate_presigned_url"},
    "sign": {"generate_presigned_url"},
    "read": {"get_object"},
    "get": {"get_object"},
    "check": {"head_bucket"},
}


def allowed(name: str) -> dict[str, set[str]]:
    """Actions by what they are allowed on: objects or the bucket."""
    policy: dict[str, Any] = json.loads((ROOT / "deploy" / "s3" / f"{name}.json").read_text())
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    kinds = {
        "arn:aws:s3:::renderfleet/*": "objects",
        "arn:aws:s3:::renderfleet/bundles/*": "bundles",
        "arn:aws:s3:::renderfleet/differences/*": "differences",
        "arn:aws:s3:::renderfleet/thumbnails/*": "thumbnails",
        "arn:aws:s3:::renderfleet": "bucket",
    }
    return {
        kinds[resource]: set(part["Action"])
        for part in policy["Statement"]
        for resource in ([part["Resource"]] if isinstance(part["Resource"], str) else part["Resource"])
    }


def used_by(*folders: str) -> set[str]:
    """Methods of Artifacts that these packages call, or hand on."""
    text = "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {name for name in CALLS if re.search(rf"\b_?(?:artifacts|store)\.{name}\b", text)}


def actions(methods: set[str]) -> set[str]:
    return {action for method in methods for call in CALLS[method] for action in ACTIONS[call]}


def test_every_call_to_the_store_is_known() -> None:
    called = set(re.findall(r"_client\.(\w+)\(", STORE)) - {"close", "get_paginator"}
    called |= set(re.findall(r'get_paginator\("(\w+)"\)', STORE))
    assert called == set(ACTIONS) == {call for calls in CALLS.values() for call in calls}


def test_the_api_may_read_and_write_bundles_and_difference_pictures_and_nothing_else() -> None:
    # fleet/telemetry/probes.py asks for `check`, fleet/bundles/transfer.py for `put`.
    wanted = actions(used_by("api") | {"check", "put"})
    found = allowed("api")
    assert found["objects"] | found["bucket"] == {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket"}
    assert found["bundles"] == found["differences"] == found["thumbnails"] == {"s3:PutObject"}
    assert set().union(*found.values()) == wanted
    assert piece_key(UUID(int=1), UUID(int=2), 0).startswith("bundles/")
    assert difference_key(UUID(int=1), UUID(int=2)).startswith("differences/")
    assert thumbnail_key("t/j-1.png", 320).startswith("thumbnails/")


def test_a_worker_may_what_it_does() -> None:
    wanted = actions(used_by("worker") | {"check"})
    found = allowed("worker")
    assert found["objects"] | found["bucket"] == wanted
    assert found["bucket"] == {"s3:ListBucket", "s3:ListBucketMultipartUploads"}
    assert not [action for action in wanted if "*" in action]
