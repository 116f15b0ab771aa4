"""What is known of a job's artifact and of its page: written by a worker, stored as JSON, read by all.

While a fleet is upgraded, processes of two releases read each other's rows. So a reader ignores what it does
not know, and a field that a release adds has a default, for the rows that were written before.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

# RFC 9110, section 15: 4xx is the client's fault, 5xx the server's.
FIRST_ERROR_STATUS: Final = 400


@dataclass(frozen=True, slots=True)
class _Facts:
    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` has written, perhaps in another release."""
        document: Mapping[str, Any] = json.loads(text)
        return cls(**{name: value for name, value in document.items() if name in cls.__dataclass_fields__})

    def to_json(self) -> str:
        """What is known, without the fields that are not."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True, slots=True)
class ArtifactFacts(_Facts):
    """The file that a render has made.

    Attributes:
        content_type: media type.
        size_bytes: length of the file.
        sha256: of the file, in hexadecimal.
        width_px: of a picture, in device pixels.
        height_px: of a picture, in device pixels.
        pages: of a PDF.
        fingerprint: of a picture of a schedule that compares, for the next comparison.
    """

    content_type: str
    size_bytes: int
    sha256: str
    width_px: int | None = None
    height_px: int | None = None
    pages: int | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class PageFacts(_Facts):
    """What the page says of itself once it is ready.

    Attributes:
        final_url: the address after all redirects.
        http_status: of the document; None when it did not come over HTTP.
        title: at most 1,000 characters of it.
    """

    final_url: str | None = None
    http_status: int | None = None
    title: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the target itself answered that something is wrong (4xx, 5xx)."""
        return self.http_status is not None and self.http_status >= FIRST_ERROR_STATUS
