"""Who knows the name of an option group finds its effect: the same file name on both sides."""

from fleet.render.request import RENDER_GROUPS
from tests.kit.paths import ROOT
from worker.render import steps
from worker.render.pipeline import STEPS

# The queue reads these options; no page ever sees them, so there is no step.
WITHOUT_STEP = {"job"}


def files(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def test_each_option_group_has_a_step_of_its_name_and_the_other_way_round() -> None:
    assert files("fleet/render/options") - WITHOUT_STEP == files("worker/render/steps")


def test_each_group_is_part_of_the_request() -> None:
    assert {group.__module__.rpartition(".")[2] for group in RENDER_GROUPS} == files("worker/render/steps")


def test_each_step_is_in_the_pipeline_once_under_the_same_name() -> None:
    entries = [f"{step.run.__module__}.{step.run.__name__}" for step in STEPS]
    assert sorted(entries) == sorted(f"{steps.__name__}.{name}.run" for name in files("worker/render/steps"))
