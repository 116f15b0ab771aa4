"""How a page is printed. The paper options come here; until then the defaults are A4 with backgrounds."""

from typing import Final

from pydantic import BaseModel, ConfigDict

A4_WIDTH_IN: Final = 8.27
A4_HEIGHT_IN: Final = 11.7


class PdfOptions(BaseModel):
    """No options yet: A4, backgrounds printed, no header or footer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
