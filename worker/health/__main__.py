"""`python -m worker.health`: see `worker/health/ask.py`."""

import sys

from worker.health.ask import main

sys.exit(main(sys.argv[1:]))
