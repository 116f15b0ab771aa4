"""The scripts that renders run in pages, one file each."""

from importlib.resources import files

from worker.browser.document.script_text import script_text


def script(name: str) -> str:
    """The text of a script.

    Args:
        name: of its file, such as `selector.js`; those of others are below `vendor/`.
    """
    file = files(__name__).joinpath(name)
    return file.read_text() if name.startswith("vendor/") else script_text(file)
