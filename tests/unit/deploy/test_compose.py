"""The Compose files: settings that exist, passwords in files alone, nothing more allowed than is needed."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.setting_names import FILE_SUFFIX, NAMES, PREFIX
from fleet.vault.settings import key_from_text
from tests.kit.paths import ROOT

DEPLOY = ROOT / "deploy"
PARTS = (
    "compose.yaml",
    "compose.egress.yaml",
    "compose.caddy.yaml",
    "compose.engines.yaml",
    "compose.worker.yaml",
)
OURS = {"api", "worker", "migrate", "egress"}


class ComposeLoader(yaml.SafeLoader):
    """Reads a list that replaces another file's as a list."""


def as_list(loader: ComposeLoader, node: yaml.SequenceNode) -> list[Any]:
    """The entries of a list with a tag."""
    return list(loader.construct_sequence(node))


ComposeLoader.add_constructor("!override", as_list)


def parsed(name: str) -> dict[str, Any]:
    document = yaml.load((DEPLOY / name).read_text(), ComposeLoader)  # noqa: S506 - a safe loader, with one tag
    assert isinstance(document, dict)
    return document


FILES = {name: parsed(name) for name in PARTS}
SERVICES = [
    (file, name, service)
    for file, document in FILES.items()
    for name, service in document["services"].items()
]
# A service that another file only adds to has no image there.
WHOLE = [(file, name, service) for file, name, service in SERVICES if "image" in service]
SECRETS_MADE = {
    Path(secret["file"]).name
    for document in FILES.values()
    for secret in document.get("secrets", {}).values()
}
OF_THE_SECOND_SCRIPT = {"tls_certificate", "tls_key", "engines_ca"}
MOUNTED = sorted(
    {
        volume.split(":")[0].removeprefix("./")
        for _, _, service in SERVICES
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    }
)


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("name", "service"), [pytest.param(name, service, id=f"{file}-{name}") for file, name, service in WHOLE]
)
def test_a_service_may_do_little_and_is_bounded(name: str, service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("cap_add", []) == (
        ["NET_BIND_SERVICE"] if service["image"].startswith("caddy") else []
    )
    assert service["logging"]["options"]["max-size"]
    assert {"mem_limit", "pids_limit"} <= set(service)
    assert name == "migrate" or "stop_grace_period" in service
    assert "seccomp=unconfined" not in service["security_opt"]


def test_images_of_one_program_are_the_same_in_each_file() -> None:
    images: dict[str, set[str]] = {}
    for _, name, service in WHOLE:
        images.setdefault(name, set()).add(service["image"])
    assert {name: images[name] for name in OURS} == {name: {f"renderfleet:{name}"} for name in OURS}
    for _, name, service in WHOLE:
        assert "build" not in service or service["build"]["target"] == name
        assert ":" in service["image"]


def test_each_variable_is_a_setting() -> None:
    known = {PREFIX + name for name in NAMES} | {PREFIX + name + FILE_SUFFIX for name in NAMES}
    named = {
        variable
        for _, _, service in SERVICES
        for variable in service.get("environment", ())
        if variable.startswith(PREFIX)
    }
    assert len(named) > 10
    assert named <= known


@pytest.mark.parametrize("file", PARTS)
def test_secrets_are_in_files_and_nowhere_else(file: str) -> None:
    text = (DEPLOY / file).read_text()
    assert not re.findall(r"\$\{\w*(?:PASSWORD|SECRET|TOKEN|ACCESS_KEY)\w*", text)
    assert not re.findall(r"://[^/\s\"]*:[^/\s\"$]+@", text), "an address with a password"
    for name, service in FILES[file]["services"].items():
        named = set(re.findall(r"/run/secrets/(\w+)", str(service.get("environment", ""))))
        assert named <= set(service.get("secrets", ())), name


def test_each_service_has_a_door_of_its_own() -> None:
    """The owner's password is for the migrations alone, and no program has that of another."""
    doors = {
        "api": {"api_database_url", "api_redis_url"},
        "worker": {"worker_database_url", "worker_redis_url"},
        "migrate": {"migrate_database_url"},
    }
    shared = {"s3_credentials", "secret_keys", "engines_ca"}
    for file in ("compose.yaml", "compose.worker.yaml"):
        for name in OURS & set(FILES[file]["services"]):
            assert set(FILES[file]["services"][name]["secrets"]) - shared == doors[name], (file, name)
    assert FILES["compose.egress.yaml"]["services"]["egress"]["secrets"] == ["egress_service_token"]


def private_copy(folder: Path) -> Path:
    """The parts of deploy/ that scripts read, as a checkout under a umask of 077 has them."""
    for path in (*MOUNTED, "secrets.sh", "second-machine.sh", "compose.worker.yaml", "seccomp/chromium.json"):
        (folder / path).parent.mkdir(exist_ok=True)
        Path(shutil.copy(DEPLOY / path, folder / path)).chmod(0o600)
    return folder


def run(script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", script, *words], check=False, capture_output=True, text=True)


def test_the_script_makes_each_secret_once(tmp_path: Path) -> None:
    copy = private_copy(tmp_path)
    assert run(copy / "secrets.sh").returncode == 0
    secrets = copy / "secrets"
    assert {path.stat().st_mode & 0o777 for path in map(copy.joinpath, MOUNTED)} == {0o644}, (
        "users in containers read it"
    )
    assert secrets.stat().st_mode & 0o777 == 0o700, "nobody else may enter"
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o644}, (
        "users in containers read it"
    )
    assert {path.name for path in secrets.iterdir()} == SECRETS_MADE - OF_THE_SECOND_SCRIPT
    made = {path.name: path.read_text().strip() for path in secrets.iterdir()}
    assert len(key_from_text(made["secret_keys"])) == 32
    passwords = [
        made[name]
        for name in made
        if name.endswith(("_password", "_key", "_token")) or name == "s3_secret_access_key"
    ]
    assert len(set(passwords)) == len(passwords) == 7
    for password in passwords:
        assert re.fullmatch(r"[0-9a-f]{48}", password)
    assert (
        made["worker_redis_url"] == f"redis://renderfleet_worker:{made['redis_worker_password']}@redis:6379/0"
    )
    assert run(copy / "secrets.sh").returncode == 0
    assert {path.name: path.read_text().strip() for path in secrets.iterdir()} == made, "data answers to them"


def test_the_script_keeps_the_passwords_of_an_older_release(tmp_path: Path) -> None:
    copy = private_copy(tmp_path)
    (copy / ".env").write_text("API_PORT=8001\nPOSTGRES_API_PASSWORD=abc\nSECRET_KEYS=" + "A" * 43 + "=\n")
    assert run(copy / "secrets.sh").returncode == 0
    assert "renderfleet_api:abc@postgres" in (copy / "secrets" / "api_database_url").read_text()
    assert (copy / "secrets" / "secret_keys").read_text() == "A" * 43 + "=\n"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_second_machine_gets_what_its_workers_need_and_no_more(tmp_path: Path) -> None:
    copy = private_copy(tmp_path)
    made = run(copy / "second-machine.sh", "10.0.0.5")
    assert made.returncode == 0, made.stderr
    archive = copy / "second-machine.tar"
    assert archive.stat().st_mode & 0o777 == 0o600
    there = tmp_path / "there"
    there.mkdir()
    shutil.unpack_archive(archive, there, filter="data")
    worker = FILES["compose.worker.yaml"]["services"]["worker"]
    assert {path.name for path in (there / "secrets").iterdir()} == set(worker["secrets"])
    database = (there / "secrets" / "worker_database_url").read_text()
    assert "@10.0.0.5:5432/renderfleet?sslmode=verify-full&sslrootcert=/run/secrets/engines_ca" in database
    redis = (there / "secrets" / "worker_redis_url").read_text()
    assert redis.startswith("rediss://renderfleet_worker:")
    assert "@10.0.0.5:6380/0?ssl_ca_certs=/run/secrets/engines_ca" in redis
    assert (there / ".env").read_text().splitlines() == ["ENGINES_ADDRESS=10.0.0.5", "ENGINES_S3_PORT=9443"]
    checked = ["openssl", "verify", "-x509_strict", "-verify_ip", "10.0.0.5", "-purpose", "sslserver"]
    checked += ["-CAfile", str(there / "secrets" / "engines_ca"), str(copy / "secrets" / "tls_certificate")]
    verified = subprocess.run(checked, check=False, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr
    other = run(copy / "second-machine.sh", "10.0.0.6")
    assert other.returncode == 1
    assert "ENGINES_ADDRESS=10.0.0.5" in other.stderr


def test_with_an_egress_service_workers_have_no_internet() -> None:
    egress = FILES["compose.egress.yaml"]["services"]
    assert FILES["compose.yaml"]["services"]["worker"]["networks"] == ["workers", "internet"]
    assert "networks: !override [workers, egress]" in (DEPLOY / "compose.egress.yaml").read_text()
    assert egress["egress"]["networks"] == ["egress", "internet"]


def test_what_is_between_the_services_leads_nowhere_else() -> None:
    """Neither out nor, by the address of the bridge, to what listens on the machine itself."""
    networks = FILES["compose.yaml"]["networks"] | FILES["compose.egress.yaml"]["networks"]
    assert set(networks) == {"api", "workers", "internet", "front", "egress"}
    for name in ("api", "workers", "egress"):
        assert networks[name]["internal"] is True, name
        assert networks[name]["driver_opts"]["com.docker.network.bridge.inhibit_ipv4"] == "true", name


def test_files_that_containers_read_are_there() -> None:
    assert len(MOUNTED) == 7
    assert all((DEPLOY / path).is_file() for path in MOUNTED)
    made_readable = (DEPLOY / "secrets.sh").read_text()
    assert all(path in made_readable for path in MOUNTED)


@pytest.mark.parametrize("file", ["compose.yaml", "compose.worker.yaml"])
def test_a_worker_has_more_time_to_stop_than_it_takes(file: str) -> None:
    worker = FILES[file]["services"]["worker"]
    grace_s = int(worker["environment"]["RENDERFLEET_SHUTDOWN_GRACE_S"])
    assert seconds(worker["stop_grace_period"]) >= grace_s + 10
    assert "seccomp=seccomp/chromium.json" in worker["security_opt"]


def test_only_caddy_and_the_engines_by_choice_are_published_beyond_loopback() -> None:
    for file, name, service in SERVICES:
        for published in service.get("ports", ()):
            if file == "compose.caddy.yaml":
                assert name == "caddy"
            elif file == "compose.engines.yaml":
                assert published.startswith("${ENGINES_ADDRESS"), name
            else:
                assert published.startswith("127.0.0.1:"), name


def test_the_workers_of_both_machines_are_the_same() -> None:
    """But for the addresses of the engines, and the networks that lead to them."""
    one, other = (FILES[file]["services"]["worker"] for file in ("compose.yaml", "compose.worker.yaml"))
    apart = {"environment", "secrets", "networks", "depends_on", "build"}
    assert {key: one[key] for key in one if key not in apart} == {
        key: other[key] for key in other if key not in apart
    }


def test_shells_understand_each_script() -> None:
    scripts = sorted(DEPLOY.rglob("*.sh"))
    assert len(scripts) > 5
    for script in scripts:
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0, script


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        (["up", "N=3"], ["sh deploy/secrets.sh", "up --build --detach", "--scale worker=3"]),
        (["up", "WITH=caddy engines"], ["-f deploy/compose.caddy.yaml -f deploy/compose.engines.yaml up"]),
        (["scale", "N=4"], ["--no-recreate --scale worker=4 worker"]),
        (["logs"], ["logs --follow"]),
        (["down"], ["docker compose -f deploy/compose.yaml down"]),
    ],
)
def test_make_calls_compose(words: list[str], commands: list[str]) -> None:
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    said = " ".join(done.stdout.split())
    for command in commands:
        assert command in said
