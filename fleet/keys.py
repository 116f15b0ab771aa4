"""`python -m fleet.keys create|list|revoke`: see `fleet/tenants/keys_command.py`."""

import sys

from fleet.tenants.keys_command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
