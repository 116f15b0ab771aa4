"""The example for KEDA asks for what there is, and is what KEDA reads."""

import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import promql_parser
import pytest
import yaml
from jsonschema import Draft202012Validator

from api.routes.health import ScalingDocument, router
from tests.kit.deploy.kubernetes import FOLDER, OVERLAYS, load, named
from tests.kit.docs.declared_metrics import DECLARED
from tests.kit.paths import ROOT

# A file of KEDA's sources, config/crd/bases/keda.sh_scaledobjects.yaml (docs/release.md). Packages that have
# it, and that tests could install, are of 2.16 and older: without `behavior` in `fallback`.
DEFINITION: Final = os.environ.get("KEDA_DEFINITION")
TEXT = (ROOT / "deploy" / "k8s" / "base" / "scaledobject.yaml").read_text()


def trigger(kind: str, text: str) -> dict[str, Any]:
    (found,) = [one for one in yaml.safe_load(text)["spec"]["triggers"] if one["type"] == kind]
    # KEDA divides the value by the target and rounds up: as many workers as suggested.
    assert found["metricType"] == "AverageValue"
    metadata: dict[str, Any] = found["metadata"]
    return metadata


def test_the_scaler_reads_a_field_of_what_there_is() -> None:
    asked = trigger("metrics-api", TEXT)
    assert asked["valueLocation"] in ScalingDocument.model_fields
    assert asked["targetValue"] == "1"
    assert router.url_path_for("scaling") == urlsplit(asked["url"]).path


def test_the_scaler_for_prometheus_asks_for_a_metric_and_takes_no_nan() -> None:
    commented = re.sub(r"^    # (?=- type: prom|  )", "    ", TEXT, flags=re.MULTILINE)
    asked = trigger("prometheus", commented)
    assert (asked["threshold"], asked["ignoreNullValues"]) == ("1", "false")
    promql_parser.parse(asked["query"])
    (name,) = re.findall(r"renderfleet_\w+", asked["query"])
    assert name in {metric._name for metric, _ in DECLARED}  # noqa: SLF001 - no public way to the name
    assert f"{name} >= 0" in asked["query"]


@pytest.mark.skipif(DEFINITION is None, reason="KEDA_DEFINITION names no file of KEDA's sources")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_keda_itself_would_take_it(overlay: str) -> None:
    assert DEFINITION is not None
    definition = yaml.safe_load(Path(DEFINITION).read_text())
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1alpha1"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {}  # Kubernetes' own
    scaled = named(load(FOLDER / overlay), "ScaledObject", "renderfleet-worker")
    Draft202012Validator(schema).validate(scaled)


def strict(schema: Any) -> Any:
    """With unknown fields refused, as `kubectl apply` does it: a schema of Kubernetes drops them."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(one) for name, one in schema.items()}
    if "properties" in inner and "x-kubernetes-preserve-unknown-fields" not in inner:
        inner["additionalProperties"] = False
    return inner
