"""`python -m deploy.embedded`, which `make run` calls."""

import signal
import sys

if __name__ == "__main__":
    # A Ctrl-C while the modules load, before anything is started, ends this process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from deploy.embedded.run import main

    sys.exit(main(sys.argv[1:]))
