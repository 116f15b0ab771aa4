"""How much a page may take in containers of several sizes."""

import pytest

from worker.resources.memory.render_limit import render_limit_mib

GIB = 2**30


@pytest.mark.parametrize(
    ("container_gib", "slots", "expected_mib"),
    [(0.5, 1, 256), (1, 4, 192), (3, 4, 512), (64, 1, 512), (1, 8, 128), (0.25, 1, 128)],
)
def test_slots_share_what_the_worker_does_not_need_itself(
    container_gib: float, slots: int, expected_mib: int
) -> None:
    found = render_limit_mib(None, container_bytes=int(container_gib * GIB), slots=slots)
    assert found == expected_mib


def test_what_the_operator_asks_for_is_taken_as_it_is() -> None:
    assert render_limit_mib(2048, container_bytes=GIB // 2, slots=4) == 2048
