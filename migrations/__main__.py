"""`python -m migrations`: bring the schema up to date and exit. Several processes may do it at once."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from fleet.database_errors import in_words
from fleet.errors import UnavailableError
from fleet.settings import load_settings
from fleet.telemetry.logs import LogSettings, configure_logs, get_logger
from migrations.grants import MissingRoleError

log = get_logger(__name__)


def alembic_config() -> Config:
    """Alembic's configuration. It needs no ini file: only the folder of the migrations is set."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def main() -> int:
    """Apply every migration that is missing. `env.py` takes the lock against other processes.

    A schema of a newer release is left as it is, and that is no failure: the release before works with it,
    and whoever goes back to that starts this command with it, as Compose does.
    """
    configure_logs(load_settings(LogSettings))
    try:
        command.upgrade(alembic_config(), "head")
    except MissingRoleError as error:
        sys.exit(f"renderfleet: {error}")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        newer = error.__cause__.argument
        log.warning("the schema is of a newer release, and is left as it is", migration=newer)
    except UnavailableError as error:
        sys.exit(f"renderfleet: {in_words(error)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
