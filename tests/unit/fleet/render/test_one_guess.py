"""Who knows the name of an option group finds its effect: the same file name on both sides."""

from fleet.render.request import RENDER_GROUPS, RenderRequest
from tests.kit.paths import ROOT

# The queue reads these options; no page ever sees them, so there is no step.
WITHOUT_STEP = {"delivery"}


def files(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def test_each_option_group_has_a_step_of_its_name_and_the_other_way_round() -> None:
    assert files("fleet/render/options") - WITHOUT_STEP == files("worker/render/steps")


def test_the_list_of_groups_is_complete() -> None:
    listed = {group.__module__.rpartition(".")[2] for group in RENDER_GROUPS}
    assert listed == files("worker/render/steps")
    assert set(RENDER_GROUPS) < set(RenderRequest.__mro__)
