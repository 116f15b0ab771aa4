"""`python -m fleet.filters`: fetches newer lists of advertisements and trackers, see docs/blocking.md."""

import sys

from fleet.filters.errors import FilterListError
from fleet.filters.settings import FilterSettings
from fleet.filters.update import update
from fleet.settings import load_settings


def main() -> int:
    """Update the lists, and say what there is now. 1: nothing was changed, and why is on standard error."""
    try:
        for line in update(load_settings(FilterSettings)):
            print(line)
    except (FilterListError, OSError) as error:
        print(f"The lists stay as they are: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
