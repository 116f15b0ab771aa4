"""What is printed in the margins of each page."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# A logo as a data address fits. Each page holds the template once more while it is printed.
MAX_TEMPLATE_BYTES: Final = 256 * 1024
# What Chromium leaves out of a template, or refuses to print because of it.
_SCRIPT: Final = re.compile(r"<script\b", re.IGNORECASE)
_EMBEDDED: Final = re.compile(
    r"<(iframe|frame|frameset|object|embed|video|audio|link)\b|@(import)\b", re.IGNORECASE
)
_ADDRESS: Final = re.compile(
    r"""<(?:img|image|input|source)\b[^>]*?\b(?:src|srcset|href)\s*=\s*["']?\s*(?!["']?\s*(?:data:|\#|["'>]))"""
    r"""|\burl\(\s*["']?\s*(?!["']?\s*(?:data:|\#))""",
    re.IGNORECASE,
)


def _possible(template: str) -> str:
    """Refuse what would not be printed: nothing is loaded for a template, and no script runs in it."""
    size = len(template.encode())
    if size > MAX_TEMPLATE_BYTES:
        raise ValueError(f"is {size:,} bytes long; at most {MAX_TEMPLATE_BYTES:,} are allowed")
    if _SCRIPT.search(template):
        raise ValueError("has a script, which would not run: headers and footers are HTML and CSS alone")
    if embedded := _EMBEDDED.search(template):
        name = embedded[1] or f"@{embedded[2]}"
        raise ValueError(f"has {name.lower()}, which would not be printed: nothing is loaded for it")
    if _ADDRESS.search(template):
        raise ValueError(
            "has a picture at an address, which would not be printed: give it as data address, such as "
            "data:image/png;base64,…"
        )
    return template


Template = Annotated[str, AfterValidator(_possible)]
_CLASSES: Final = "`date`, `title`, `url`, `pageNumber` and `totalPages`"


class HeaderFooterOptions(BaseModel):
    """Header and footer of each page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header_template: Template | None = Field(
        default=None,
        description=(
            f"HTML that is printed above each page. Elements of the classes {_CLASSES} are filled in. It "
            "cannot load anything and has none of the page's styles; pictures must be data addresses."
        ),
        examples=['<span class="title"></span>'],
    )
    footer_template: Template | None = Field(
        default=None,
        description="HTML that is printed below each page, as `header_template` is above.",
        examples=['<span class="pageNumber"></span> / <span class="totalPages"></span>'],
    )
    display_header_footer: bool | None = Field(
        default=None,
        description=(
            "Whether to print header and footer. If not given: when there is a template. Without a template, "
            "true prints Chromium's own."
        ),
    )

    @property
    def has_header_footer(self) -> bool:
        """Whether header and footer are printed."""
        if self.display_header_footer is not None:
            return self.display_header_footer
        return self.header_template is not None or self.footer_template is not None
