"""What deploy/k8s gives to Kubernetes is what that reads, fits the programs, and lets nobody do much."""

import json
import shutil
import subprocess
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from api.server.host_check import HostNames
from fleet import setting_names
from fleet.setting_names import PREFIX
from tests.kit.deploy.kubernetes import FOLDER, OVERLAYS, Object, load, named, pods
from worker.settings import AttemptSettings

# The oldest one that has all that is used: hostUsers and the sleep of preStop.
KUBERNETES: Final = "1.33"
KUSTOMIZE: Final = shutil.which("kubectl")
ALL: Final = (*OVERLAYS, "node-profile")
MIB: Final = {"Mi": 1, "Gi": 1024}
# The fields of a ScaledObject that are used, of those that KEDA 2.17 has. test_keda.py validates the whole
# object against KEDA's own definition, where somebody has it.
OF_KEDA: Final = {
    "scaleTargetRef": {"name"},
    "pollingInterval": None,
    "minReplicaCount": None,
    "maxReplicaCount": None,
    "fallback": {"failureThreshold", "replicas", "behavior"},
    "advanced": {"horizontalPodAutoscalerConfig"},
    "triggers": None,
}


@pytest.mark.parametrize("overlay", ALL)
def test_each_object_is_one_that_kubernetes_knows(overlay: str) -> None:
    for one in load(FOLDER / overlay):
        if one["kind"] != "ScaledObject":
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_keda_knows_all_that_it_is_told(overlay: str) -> None:
    spec = named(load(FOLDER / overlay), "ScaledObject", "renderfleet-worker")["spec"]
    assert set(spec) == set(OF_KEDA)
    for name, fields in OF_KEDA.items():
        assert fields is None or set(spec[name]) == fields
    assert spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
    # KEDA hands this part on to the autoscaler that it makes.
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "keda"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", **spec["scaleTargetRef"]},
            "minReplicas": spec["minReplicaCount"],
            "maxReplicas": spec["maxReplicaCount"],
            **spec["advanced"]["horizontalPodAutoscalerConfig"],
        },
    }
    kubernetes_validate.validate(autoscaler, KUBERNETES, strict=True)


@pytest.mark.skipif(KUSTOMIZE is None, reason="there is no kubectl on this machine")
@pytest.mark.parametrize("overlay", ALL)
def test_kustomize_makes_the_same_of_it(overlay: str) -> None:
    assert KUSTOMIZE is not None
    made = subprocess.run(
        [KUSTOMIZE, "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=True
    )
    theirs = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(made.stdout)}
    for one in load(FOLDER / overlay):
        built = theirs.pop((one["kind"], one["metadata"]["name"]))
        assert built["metadata"].pop("namespace") == "renderfleet"
        assert without_images(built) == without_images(one)
    assert theirs == {}


def without_images(one: Object) -> Object:
    """The overlays say where the images are, which is nobody's business here."""
    copied: Object = json.loads(json.dumps(one))
    for pod in pods([copied]).values():
        for container in pod["containers"]:
            container.pop("image")
    return copied


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_exists(overlay: str) -> None:
    objects = load(FOLDER / overlay)
    names = set(named(objects, "ConfigMap", "renderfleet")["data"])
    for pod in pods(objects).values():
        names |= {variable["name"] for variable in pod["containers"][0]["env"]}
    ours = {name.removesuffix("_FILE") for name in names if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX) for name in ours} <= setting_names.NAMES
    assert names - ours - {f"{name}_FILE" for name in ours} == {"AWS_SHARED_CREDENTIALS_FILE"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_read_from_a_file_is_mounted(overlay: str) -> None:
    for pod in pods(load(FOLDER / overlay)).values():
        (secret,) = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        mounted = {f"/run/secrets/renderfleet/{item['path']}" for item in secret["items"]}
        env = pod["containers"][0]["env"]
        assert {one["value"] for one in env if one["name"].endswith("_FILE")} == mounted


@pytest.mark.parametrize("overlay", ALL)
def test_containers_may_do_little(overlay: str) -> None:
    for name, pod in pods(load(FOLDER / overlay)).items():
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        context: dict[str, Any] = {**pod.get("securityContext", {}), **container["securityContext"]}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert (context["runAsUser"] == 0) == (name == "renderfleet-seccomp")
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_have_what_the_sandbox_needs(overlay: str) -> None:
    pod = pods(load(FOLDER / overlay))["renderfleet-worker"]
    profile = pod["securityContext"]["seccompProfile"]
    # RuntimeDefault has no user namespaces, and Unconfined is for pods with users of their own alone.
    if profile["type"] == "Unconfined":
        assert pod["hostUsers"] is False
    else:
        assert profile == {"type": "Localhost", "localhostProfile": "renderfleet/chromium.json"}
        assert path_of_profile() == "/var/lib/kubelet/seccomp/renderfleet"


def path_of_profile() -> str:
    """Where the other kustomization puts the profile."""
    (pod,) = pods(load(FOLDER / "node-profile")).values()
    (path,) = [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume]
    return str(path)


def mib(quantity: str) -> int:
    return int(quantity[:-2]) * MIB[quantity[-2:]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_have_the_memory_that_was_measured(overlay: str) -> None:
    pod = pods(load(FOLDER / overlay))["renderfleet-worker"]
    (container,) = pod["containers"]
    (slots,) = [int(one["value"]) for one in container["env"] if one["name"].endswith("BROWSER_MAX_PAGES")]
    (scratch,) = [volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if "emptyDir" in volume]
    # docs/operations/size.md: each page can use its whole limit, and /tmp counts too.
    assert mib(container["resources"]["limits"]["memory"]) == 256 + 512 * slots + mib(scratch)
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_renders_may_end_before_a_worker_is_killed(overlay: str) -> None:
    objects = load(FOLDER / overlay)
    grace = int(named(objects, "ConfigMap", "renderfleet")["data"][f"{PREFIX}SHUTDOWN_GRACE_S"])
    AttemptSettings(shutdown_grace_s=grace)  # within its range
    assert pods(objects)["renderfleet-worker"]["terminationGracePeriodSeconds"] >= grace + 10


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_network_policies_mean_the_pods_that_there_are(overlay: str) -> None:
    objects = load(FOLDER / overlay)
    labels = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in objects
        if one["kind"] in ("Deployment", "Job")
    ]
    for policy in (one for one in objects if one["kind"] in ("NetworkPolicy", "PodDisruptionBudget")):
        selector = policy["spec"].get("podSelector") or policy["spec"]["selector"]
        assert any(selector["matchLabels"].items() <= one.items() for one in labels), policy["metadata"]
    everything = named(objects, "NetworkPolicy", "renderfleet-nothing")["spec"]
    assert all(everything["podSelector"]["matchLabels"].items() <= one.items() for one in labels)
    assert everything["policyTypes"] == ["Ingress", "Egress"]


def test_pages_reach_no_private_address() -> None:
    rules = named(load(FOLDER / "base"), "NetworkPolicy", "renderfleet-worker")["spec"]["egress"]
    (block,) = [peer["ipBlock"] for rule in rules for peer in rule["to"]]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(block["except"])


def test_the_api_answers_by_the_name_that_keda_calls() -> None:
    objects = load(FOLDER / "base")
    settings = named(objects, "ConfigMap", "renderfleet")["data"]
    names = HostNames(settings[f"{PREFIX}API_ALLOWED_HOSTS"].split(","))
    (trigger,) = named(objects, "ScaledObject", "renderfleet-worker")["spec"]["triggers"]
    host = trigger["metadata"]["url"].split("/")[2]
    assert names.refusal([host], http_version="1.1") is None
