"""The libraries that lie in `api/ui/files/vendored`, unchanged, as their makers have published them.

A test compares the files with this list. To take a newer version: put its file there and change its line.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class VendoredFile:
    """One file.

    Attributes:
        name: in the folder `vendored`.
        package: its name at npm, with the version.
        path: inside the package.
        licence: SPDX identifier; the text is in the package.
        sha256: of the file.
    """

    name: str
    package: str
    path: str
    licence: str
    sha256: str


VENDORED: Final = (
    VendoredFile(
        "htmx-4.0.1.min.js",
        "htmx.org@4.0.1",
        "dist/htmx.min.js",
        "0BSD",
        "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    ),
    VendoredFile(
        "uplot-1.6.32.min.js",
        "uplot@1.6.32",
        "dist/uPlot.iife.min.js",
        "MIT",
        "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    ),
    VendoredFile(
        "uplot-1.6.32.min.css",
        "uplot@1.6.32",
        "dist/uPlot.min.css",
        "MIT",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
)
