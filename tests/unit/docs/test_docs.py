"""What is documented is what there is: settings, error types and metrics, both ways."""

import re
from pathlib import Path

import pytest

from fleet.errors import ErrorType
from fleet.setting_names import PREFIX
from tests.kit.docs.declared_metrics import DECLARED
from tests.kit.docs.settings import settings_classes
from tests.kit.paths import ROOT

DOCS = ROOT / "docs"
# Made by deploy/secrets.sh, by the operator, or by who follows the examples of CONTRIBUTING.md.
MADE_LATER = {
    "deploy/.env",
    "deploy/second-machine.tar",
    "deploy/secrets",
    "deploy/secrets/engines_ca_key",
    "deploy/settings.env",
    "fleet/render/options/hardware.py",
    "worker/render/steps/hardware.py",
    "tests/integration/worker/render/steps/test_hardware.py",
    "api/routes/tenant.py",
    "tests/integration/api/routes/test_tenant.py",
    "migrations/versions/0025_labels.py",
}


def table(page: str) -> dict[str, str]:
    """First cell (in backticks) of each row of the page's tables, with the rest of the row."""
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", (DOCS / page).read_text(), re.MULTILINE)
    assert len({name for name, _ in rows}) == len(rows), f"{page} has a row twice"
    return dict(rows)


def settings() -> dict[str, tuple[str, str]]:
    """Every setting: its description and default, as the page should have them."""
    found = {}
    for settings_class in settings_classes():
        for name, field in settings_class.model_fields.items():
            default = "required" if field.is_required() else str(field.get_default())
            found[PREFIX + name.upper()] = (field.description or "", default)
    return found


def test_each_setting_is_documented_in_its_own_words() -> None:
    documented = table("settings.md")
    expected = settings()
    assert set(documented) == set(expected)
    for name, (description, _) in expected.items():
        assert description, f"{name} has no description"
        assert description in documented[name], name


def test_each_error_type_is_documented_with_its_title() -> None:
    documented = table("errors.md")
    assert set(documented) == set(ErrorType)
    for error_type in ErrorType:
        assert error_type.kind.title in documented[error_type]
        assert ("yes" in documented[error_type].split("|")[1]) == error_type.kind.retryable, error_type


def test_each_metric_is_documented_with_who_exports_it_and_its_labels() -> None:
    documented = table("metrics.md")
    names = {}
    exported_by = {}
    for metric, process in DECLARED:
        suffix = "_total" if metric._type == "counter" else ""  # noqa: SLF001 - no public way to its type
        name = metric._name + suffix  # noqa: SLF001 - nor to its name
        names[name], exported_by[name] = metric, process
    assert {name: row.split("|")[0].strip() for name, row in documented.items()} == exported_by
    for name, metric in names.items():
        for label in metric._labelnames:  # noqa: SLF001 - nor to its labels
            assert f"`{label}`" in documented[name], (name, label)


def pages() -> list[str]:
    """Every page for readers, relative to the repository's root."""
    return sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md")))


def anchors(page: Path) -> set[str]:
    """What a link may have behind `#`: the page's headings, as GitHub names them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages())
def test_links_between_pages_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", (ROOT / page).read_text()):
        found = (ROOT / page).parent / target if target else ROOT / page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_pages_that_the_product_names_exist() -> None:
    named = {
        name
        for root in ("api", "fleet", "worker", "migrations", "deploy")
        for path in (ROOT / root).rglob("*.*")
        if path.suffix in {".py", ".yaml", ".json", ".sh", ".mako"}
        for name in re.findall(r"\bdocs/[a-z/-]+\.md(?:#[a-z-]+)?", path.read_text())
    }
    assert len(named) > 10
    for name in named:
        if name.startswith("docs/linux/"):  # in Chromium's repository
            continue
        page, _, anchor = name.partition("#")
        assert (ROOT / page).exists(), name
        assert not anchor or anchor in anchors(ROOT / page), name


@pytest.mark.parametrize("page", [page for page in pages() if page != "CHANGELOG.md"])
def test_paths_on_a_page_exist(page: str) -> None:
    for path in re.findall(
        r"`((?:api|worker|fleet|tests|deploy|migrations)/[\w./-]+)`", (ROOT / page).read_text()
    ):
        assert path in MADE_LATER or (ROOT / path).exists(), path


@pytest.mark.parametrize("folder", [".", "docs/operations"])
def test_an_index_lists_every_page(folder: str) -> None:
    index = ROOT / folder / "README.md"
    listed = re.findall(r"\]\((?!https?:)([^)#]+)", index.read_text())
    below = {*ROOT.glob("*.md"), *DOCS.glob("*.md"), DOCS / "operations" / "README.md", DOCS / "adr"}
    wanted = below if folder == "." else set(index.parent.glob("*.md"))
    assert wanted - {index} <= {(index.parent / target) for target in listed}
