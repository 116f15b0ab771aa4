"""The example for KEDA asks for what there is."""

import re
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import yaml

from api.routes.health import ScalingDocument, router
from tests.kit.docs.declared_metrics import DECLARED
from tests.kit.paths import ROOT

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
