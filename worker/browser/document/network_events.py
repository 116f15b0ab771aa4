"""DevTools' Network domain of one page, which several parts of a render need.

Enabling it again would replace the buffer sizes that were set before, so only this module enables it.
"""

from worker.browser.devtools import Session


class NetworkEvents:
    """The domain of one page.

    Attributes:
        kept_bytes: so many bytes of answers Chromium keeps in memory, to be read later. 0 at first: by
            default, it would keep every answer, as a debugger needs it.
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
