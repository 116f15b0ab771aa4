"""Counts what is kept out of a page while it renders."""

from dataclasses import asdict, dataclass

from fleet.jobs.facts import BlockedFacts


@dataclass(slots=True)
class BlockedCounts:
    """What was kept out of one page so far. Whoever keeps something out adds to it.

    Attributes:
        is_wanted: whether anything is to be kept out; otherwise the job document has no counts.
        ads: requests that the list of advertisements has refused.
        trackers: requests that the list of trackers has refused.
        banners: cookie banners that were answered or hidden.
        banners_refused: those of them that were answered with a refusal.
        popups: newsletter overlays, chat bubbles and the like that were hidden.
        requests: requests that were refused in all.
        bytes: of answers that were cut off after their head.
    """

    is_wanted: bool = False
    ads: int = 0
    trackers: int = 0
    banners: int = 0
    banners_refused: int = 0
    popups: int = 0
    requests: int = 0
    bytes: int = 0

    def facts(self) -> BlockedFacts | None:
        """What the job document tells; None: nothing was to be kept out."""
        if not self.is_wanted:
            return None
        counts = asdict(self)
        del counts["is_wanted"]
        return BlockedFacts(**counts)
