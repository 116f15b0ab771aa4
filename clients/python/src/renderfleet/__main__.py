"""`python -m renderfleet`: the command `renderfleet`."""

from renderfleet.cli.app import main

if __name__ == "__main__":
    main()
