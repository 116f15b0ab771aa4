"""A process takes the file descriptors that it may have, and says when they are too few."""

import subprocess
import sys

from tests.kit.patience import PATIENCE_S

SCRIPT = """
import resource
from api.server.file_descriptors import raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
for waiters in (100, 10_000):
    print("-- waiters", waiters)
    raise_descriptor_limit(waiters)
    print("now", *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_soft_limit_becomes_the_hard_one_and_a_low_one_is_told() -> None:
    output = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    ).stdout
    _, few, many = output.split("-- waiters")
    assert "now 512 512" in few
    assert "raised the limit" in few
    assert "now 512 512" in many
    assert "too few" in many
    assert "raised the limit" not in many
