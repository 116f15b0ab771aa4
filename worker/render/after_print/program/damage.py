"""What pikepdf raises for documents that are damaged, or made to do harm."""

from typing import Final

import pikepdf

# An object of another type than a document must have at its place is met in many ways.
DAMAGE: Final = (
    pikepdf.PdfError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
