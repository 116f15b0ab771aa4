"""`python -m fleet.limits TENANT`: see `fleet/tenants/limits_command.py`."""

import sys

from fleet.tenants.limits_command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
