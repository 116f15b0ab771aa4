"""Whether the caller is still on the line."""

from starlette.types import Receive


async def hung_up(receive: Receive) -> None:
    """Return when the caller has closed the connection; what is left of its body is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
