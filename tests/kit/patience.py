"""How long tests wait for a fact."""

from typing import Final

# It only ends what hangs, so that a test that waits says for what. It costs nothing where the fact comes.
# With thirty programs on two cores, a worker took more than 40 s to start.
PATIENCE_S: Final = 120.0
