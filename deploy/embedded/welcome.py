"""The text that is printed when everything is ready: the address, the API key, and a first request."""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from deploy.embedded.settings import DEFAULT_DATA_DIR, LaunchSettings
from fleet.setting_names import PREFIX

# The example uses `html`, which needs no network.
_TEXT: Final = """
  address   {address}
  look      {address}/ui/login#{key}
            (opens the dashboard and fills in the API key)
  docs      {address}/docs
  API key   {key}
            (also in {key_file})
  shell     make shell{data_dir}
            (a terminal in which the command renderfleet knows this fleet)
  more keys {command} -m fleet.keys create --tenant acme --new-tenant
  logs      {logs}

  Make a picture: paste this into another terminal in this folder.

    curl -sS --fail-with-body {address}/v1/screenshot -H "X-API-Key: $(cat {key_file})" \\
      -H 'Content-Type: application/json' -d '{{"html": "<h1>Hello from renderfleet</h1>"}}' -o picture.png

  For a web page, send {{"url": "https://example.com"}} instead. Ctrl-C stops everything. The data is kept.
"""

_NO_SANDBOX: Final = """
  CHROMIUM_SANDBOX is off: a page that exploits a fault in Chromium can use this machine. Render only pages
  that you trust.
"""


def welcome(settings: LaunchSettings, key_file: Path) -> str:
    """The text, with paths that can be pasted into a shell."""
    text = _TEXT if settings.sandbox else _TEXT + _NO_SANDBOX
    return text.format(
        address=settings.address,
        key=key_file.read_text().strip(),
        key_file=_typed(key_file),
        command=_command(settings.data_dir),
        data_dir="" if _is_found(settings.data_dir) else f" DATA_DIR={_typed(settings.data_dir)}",
        logs=_typed(settings.data_dir / "log"),
    )


def _command(data_dir: Path) -> str:
    """The command for this Python, with DATA_DIR if its commands would not use the same folder by default."""
    python = _typed(Path(sys.executable))
    return python if _is_found(data_dir) else f"{PREFIX}DATA_DIR={_typed(data_dir)} {python}"


def _is_found(data_dir: Path) -> bool:
    """Whether commands in this folder use it by default."""
    return data_dir == Path(DEFAULT_DATA_DIR).absolute()


def _typed(path: Path) -> str:
    """A path as it is typed in a shell: relative if it is below the current folder, quoted if needed."""
    text = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return shlex.quote(text)
