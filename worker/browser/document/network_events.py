"""DevTools' Network domain of one page, which several want to have switched on.

Each switching on replaces the sizes of the one before, so that it is done in one place.
"""

from worker.browser.devtools import Session


class NetworkEvents:
    """The domain of one page.

    Attributes:
        kept_bytes: so much of what is answered Chromium keeps, to be read when it has ended. 0, because it
            would keep each answer in memory for a debugger.
    """

    def __init__(self, session: Session) -> None:
        self.kept_bytes = 0
        self._session = session

    async def report(self) -> None:
        """Have the browser report every request from now on. Call this before anything is loaded.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        # Durable: outside of the page's process, so that they outlive a document that leads to another one.
        durable = {"enableDurableMessages": True} if self.kept_bytes else {}
        await self._session.send(
            "Network.enable",
            maxTotalBufferSize=self.kept_bytes,
            maxResourceBufferSize=self.kept_bytes,
            **durable,
        )
