"""One request of a page with its answer, as it is put together from events of DevTools' Network domain."""

from dataclasses import dataclass, field
from typing import Any, Final

# What a type ends with whose body Chromium has decoded, so that it is UTF-8 now, whatever it was.
DECODED: Final = "; charset=utf-8"


@dataclass(slots=True)
class Exchange:
    """A request and what came of it. A redirect is an exchange of its own.

    Attributes:
        url: the address, without its fragment.
        frame: Chromium's id of the frame that asked; empty: none did.
        kind: Chromium's type of the request, such as `Document` or `Fetch`.
        wall_time: seconds since 1970 when it began.
        began_at: the same by Chromium's own clock, in seconds.
        ended_at: by that clock; None: it has not ended.
        sent: the header fields of the request.
        received: those of the answer.
        status: of the answer; 0: there was none.
        timing: Chromium's times within the request, in milliseconds after `began_at`.
        received_bytes: so much of the body has come, without the encoding of the transfer.
        transferred_bytes: so much came over the network; None: not known.
        failure: Chromium's name for what went wrong; empty: nothing.
        body: the name of the file of the body; empty: there is none.
        body_bytes: its length.
        lacks_body: whether there was a body that is not kept.
        led_to: of a document that was left before its end, the address to which it led.
    """

    url: str
    method: str
    kind: str
    wall_time: float
    began_at: float
    ended_at: float | None = None
    sent: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)
    status: int = 0
    status_text: str = ""
    protocol: str = ""
    mime_type: str = ""
    timing: dict[str, float] = field(default_factory=dict)
    has_sent_body: bool = False
    is_from_cache: bool = False
    received_bytes: int = 0
    transferred_bytes: int | None = None
    failure: str = ""
    body: str = ""
    body_bytes: int = 0
    lacks_body: bool = False
    led_to: str = ""
    frame: str = ""

    def answered(self, response: dict[str, Any]) -> None:
        """Take what DevTools says of the answer."""
        self.status = response["status"]
        self.status_text = response.get("statusText", "")
        self.received = self.received or dict(response.get("headers", {}))
        self.protocol = response.get("protocol", "")
        self.mime_type = response.get("mimeType", "")
        self.timing = response.get("timing") or {}
        self.is_from_cache = bool(response.get("fromDiskCache"))
