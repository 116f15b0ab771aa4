"""Records one render, and packs what it has recorded into a zip file."""

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fleet.jobs.facts import EvidenceFacts
from fleet.render.request import RenderRequest
from worker.browser.page import Page
from worker.render.evidence import har
from worker.render.evidence.redaction import Redactor
from worker.render.evidence.snapshot import CONSOLE, DOCUMENT, MHTML, Snapshot, as_json
from worker.render.evidence.traffic import EvidenceLimits, Traffic

SUMMARY: Final = "summary.json"
REQUEST: Final = "request.json"
HAR: Final = "network.har"
# Of what is in the zip file; the number changes when a reader has to read it in another way.
_FORMAT: Final = 1
_CHUNK_BYTES: Final = 1024 * 1024
# Compressing these would only warm the processor.
_PACKED_SUFFIXES: Final = frozenset({".avif", ".gif", ".jpg", ".mp4", ".png", ".webm", ".webp", ".woff2"})
_FAST: Final = 1


@dataclass(slots=True)
class Ended:
    """How a render has ended, for the summary.

    Attributes:
        state: of the job.
        facts: what else is known, by its name in the summary: page, timings, warnings, verdict, error.
    """

    state: str
    facts: dict[str, Any] = field(default_factory=dict)


class Recorder:
    """Records one render in a page."""

    def __init__(
        self,
        page: Page,
        request: RenderRequest,
        folder: Path,
        limits: EvidenceLimits,
        *,
        public_request: dict[str, Any],
        summary: dict[str, Any],
    ) -> None:
        """Record nothing yet.

        Args:
            page: fresh.
            request: what is rendered; says what is to be kept.
            folder: does not exist yet, and becomes the recorder's own.
            limits: how much is kept.
            public_request: the request without its secrets.
            summary: what is known of the job and its worker beforehand.
        """
        wanted = request.evidence
        self._bodies = wanted is not None and wanted.bodies
        self._page = page
        self._folder = folder
        self._public_request = public_request
        self._summary = summary
        self._redactor = Redactor.of(request)
        self._traffic = Traffic(page, self._redactor, folder / har.BODIES, limits, with_bodies=self._bodies)
        self._snapshot = Snapshot(page, self._redactor, folder)
        self._version = ""
        self._rules: dict[str, str] = {}

    async def begin(self, rules: Mapping[str, str]) -> None:
        """Record from now on. Call this before anything is loaded.

        Args:
            rules: by what requests and banners are judged, with dates or versions.

        Raises:
            DevToolsError: the page or its browser ended.
            OSError: the disk has no space.
        """
        (self._folder / har.BODIES).mkdir(parents=True)
        self._rules = dict(rules)
        self._version = (await self._page.send("Browser.getVersion"))["product"].rpartition("/")[2]
        await self._traffic.follow()

    async def end(self) -> None:
        """Take what only the living page can tell. Takes some seconds at most; the page may have ended."""
        self._traffic.bytes_left -= await self._snapshot.take(
            self._traffic.bytes_left, self._traffic.received_bytes
        )
        await self._traffic.settle()

    def pack(self, path: Path, key: str, ended: Ended) -> EvidenceFacts:
        """Write the zip file, in the caller's thread. Call this after `end`.

        Args:
            path: of the file.
            key: of the file in the store.
            ended: how the render has ended.

        Raises:
            OSError: the disk has no space.
        """
        exchanges = self._traffic.exchanges
        lacking = self._lacking()
        left_out = [*lacking, *self._snapshot.left_out]
        versions = {**self._summary["versions"], "browser": self._version}
        summary = {
            "format": _FORMAT,
            **self._summary,
            "versions": {**versions, "rules": self._rules},
            "state": ended.state,
            **ended.facts,
            "requests": len(exchanges),
            "redacted_bodies": self._traffic.redacted,
            "left_out": left_out,
        }
        document = har.har(exchanges, self._redactor, versions=versions)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as file:
            file.writestr(SUMMARY, self._redactor.document(as_json(summary)))
            file.writestr(REQUEST, self._redactor.data(as_json(self._public_request)))
            file.writestr(HAR, as_json(document))
            for name in (CONSOLE, DOCUMENT, MHTML):
                if (self._folder / name).exists():
                    file.write(self._folder / name, name)
            for name in sorted({exchange.body for exchange in exchanges if exchange.body}):
                packed = zipfile.ZIP_STORED if Path(name).suffix in _PACKED_SUFFIXES else None
                file.write(self._folder / har.BODIES / name, f"{har.BODIES}{name}", packed)
        return EvidenceFacts(
            key=key,
            size_bytes=path.stat().st_size,
            sha256=_sha256(path),
            requests=len(exchanges),
            bodies=self._bodies,
            left_out=left_out,
            lacks_answers=bool(lacking),
        )

    def discard(self) -> None:
        """Remove what was recorded from the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lacking(self) -> list[str]:
        """What is missing of requests and answers, in words. One answer is enough for each address."""
        exchanges, words = self._traffic.exchanges, []
        if others := self._traffic.left_out["requests"]:
            words.append(f"{HAR}: {others:,} requests after the first {len(exchanges):,}")
        if messages := self._traffic.left_out["fields"]:
            words.append(f"{HAR}: the header fields of {messages:,} messages")
        kept = {(one.method, one.url) for one in exchanges if one.body}
        lost = [one for one in exchanges if one.lacks_body and (one.method, one.url) not in kept]
        if lost:
            size = sum(one.received_bytes for one in lost)
            words.append(f"bodies: {len(lost):,} of {len(exchanges):,}, with {size:,} bytes")
        return words


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
