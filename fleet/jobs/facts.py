"""What is known of a job's artifact and of its page: written by a worker, stored as JSON, read by all.

While a fleet is upgraded, processes of two releases read each other's rows. So a reader ignores what it does
not know, and a field that a release adds has a default, for the rows that were written before.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
        ignored: of such a picture: where the elements are that do not count, as left, top, right and
            bottom in pixels of the picture.
    """

    content_type: str
    size_bytes: int
    sha256: str
    width_px: int | None = None
    height_px: int | None = None
    pages: int | None = None
    fingerprint: str | None = None
    ignored: Sequence[Sequence[int]] | None = None


@dataclass(frozen=True, slots=True)
class EvidenceFacts(_Facts):
    """The file that tells how a result, or a failure, came about.

    Attributes:
        key: in the store.
        size_bytes: length of the zip file.
        sha256: of the zip file, in hexadecimal.
        requests: how many requests of the page it tells of.
        bodies: whether it was to hold what they were answered with.
        left_out: what it lacks, in words for the caller.
        lacks_answers: whether requests or their answers are among what it lacks.
    """

    key: str
    size_bytes: int
    sha256: str
    requests: int = 0
    bodies: bool = False
    left_out: list[str] = field(default_factory=list)
    lacks_answers: bool = False


@dataclass(frozen=True, slots=True)
class PageFacts(_Facts):
    """What the page says of itself once it is ready.

    Attributes:
        final_url: the address after all redirects.
        http_status: of the document; None when it did not come over HTTP.
        title: at most 1,000 characters of it.
        language: the attribute `lang` of the document, at most 35 characters of it; None: it has none.
    """

    final_url: str | None = None
    http_status: int | None = None
    title: str | None = None
    language: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the target itself answered that something is wrong (4xx, 5xx)."""
        return self.http_status is not None and self.http_status >= FIRST_ERROR_STATUS


@dataclass(frozen=True, slots=True)
class BlockedFacts(_Facts):
    """What was kept out of a page because its caller wanted that.

    Attributes:
        ads: requests that a rule of the list of advertisements has refused.
        trackers: requests that a rule of the list of trackers has refused.
        banners: cookie banners that were answered or hidden.
        banners_refused: those of them that were answered with a refusal.
        popups: newsletter overlays, chat bubbles and the like that were hidden.
        requests: requests that were refused in all, with those of the two lists.
        bytes: of answers that were cut off after their head; what was refused before has no known size.
    """

    ads: int = 0
    trackers: int = 0
    banners: int = 0
    banners_refused: int = 0
    popups: int = 0
    requests: int = 0
    bytes: int = 0
