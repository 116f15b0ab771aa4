"""The objects of deploy/k8s as kustomize makes them: the files of the base with the patches of an overlay."""

from pathlib import Path
from typing import Any, Final

import jsonpatch
import yaml

from tests.kit.paths import ROOT

FOLDER: Final = ROOT / "deploy" / "k8s"
OVERLAYS: Final = ("small", "production")
Object = dict[str, Any]


def load(folder: Path) -> list[Object]:
    """All objects of a kustomization. Overlays patch by JSON Patch (RFC 6902) alone."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    objects: list[Object] = []
    for resource in kustomization["resources"]:
        path = (folder / resource).resolve()
        objects += load(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
    for patch in kustomization.get("patches", ()):
        target = (patch["target"]["kind"], patch["target"]["name"])
        (place,) = [n for n, one in enumerate(objects) if (one["kind"], one["metadata"]["name"]) == target]
        objects[place] = jsonpatch.apply_patch(objects[place], yaml.safe_load(patch["patch"]))
    return objects


def named(objects: list[Object], kind: str, name: str) -> Object:
    """One of them."""
    (found,) = [one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pods(objects: list[Object]) -> dict[str, Object]:
    """The specification of the pods of each workload, by its name."""
    kinds = ("Deployment", "Job", "DaemonSet")
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in objects if one["kind"] in kinds
    }
