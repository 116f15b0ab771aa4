"""A site of one page, for canaries: they must not depend on anything outside the worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from worker.egress.own_site.site import OwnAnswer, head


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A document that is the answer to every request.

    Attributes:
        host: the name of its address, over plain HTTP.
        html: the document, the same for all paths.
    """

    host: str
    html: str

    def answer(self, method: bytes, target: bytes, fields: Sequence[bytes]) -> OwnAnswer:  # noqa: ARG002
        """See `OwnSite`."""
        body = self.html.encode()
        return OwnAnswer(head(HTTPStatus.OK, "text/html; charset=utf-8", len(body)), body)
