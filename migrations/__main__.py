"""`python -m migrations`: bring the schema up to date and exit. Several processes may do it at once."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from fleet.database_errors import in_words
from fleet.errors import UnavailableError
from fleet.settings import load_settings
from fleet.telemetry.logs import LogSettings, configure_logs
from migrations.grants import MissingRoleError


def alembic_config() -> Config:
    """Alembic's configuration. It needs no ini file: only the folder of the migrations is set."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def main() -> int:
    """Apply every migration that is missing. `env.py` takes the lock against other processes."""
    configure_logs(load_settings(LogSettings))
    try:
        command.upgrade(alembic_config(), "head")
    except MissingRoleError as error:
        sys.exit(f"renderfleet: {error}")
    except UnavailableError as error:
        sys.exit(f"renderfleet: {in_words(error)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
