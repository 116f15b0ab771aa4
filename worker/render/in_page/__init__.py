"""The scripts that renders run in pages, one file each."""

from importlib.resources import files


def script(name: str) -> str:
    """The text of a script.

    Args:
        name: of its file, such as `selector.js`; those of others are below `vendor/`.
    """
    return files(__name__).joinpath(name).read_text()
