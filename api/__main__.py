"""`python -m api`: the API on API_HOST and API_PORT, until SIGTERM or SIGINT."""

import sys

from api.serve import main

main(sys.argv[1:])
