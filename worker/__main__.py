"""`python -m worker`: one worker, until SIGTERM or SIGINT."""

import sys

from worker.main import main

sys.exit(main())
