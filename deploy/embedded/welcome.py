"""What a user reads when everything is ready: where it is, the key, and a first request to paste."""

import os
import shlex
from pathlib import Path
from typing import Final

from deploy.embedded.settings import LaunchSettings

# `html` needs no network, so that the first picture always works.
_TEXT: Final = """
  address   {address}
  docs      {address}/docs
  API key   {key}
            (also in {key_file})
  logs      {logs}

  Make a picture: paste this into another terminal in this folder.

    KEY=$(cat {key_file})
    JOB=$(curl -sS {address}/v1/jobs -H "Authorization: Bearer $KEY" \\
      -H 'Content-Type: application/json' -H 'Prefer: wait=30' \\
      -d '{{"html": "<h1>Hello from renderfleet</h1>", "format": "png"}}' \\
      | grep -o '"id": *"[^"]*"' | head -n 1 | cut -d '"' -f 4)
    curl -sSL "{address}/v1/jobs/$JOB/artifact?proxy=true" -H "Authorization: Bearer $KEY" -o picture.png

  For a page of the web, send {{"url": "https://example.com"}} instead. Ctrl-C stops everything; data stays.
"""

_NO_SANDBOX: Final = """
  CHROMIUM_SANDBOX is off: whoever breaks Chromium is on this machine. Render only pages that you trust.
"""


def welcome(settings: LaunchSettings, key_file: Path) -> str:
    """The text, with paths as the user would type them."""
    text = _TEXT if settings.sandbox else _TEXT + _NO_SANDBOX
    return text.format(
        address=settings.address,
        key=key_file.read_text().strip(),
        key_file=_typed(key_file),
        logs=_typed(settings.data_dir / "log"),
    )


def _typed(path: Path) -> str:
    """Relative when below the current folder, quoted when a shell would not take it as one word."""
    text = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return shlex.quote(text)
