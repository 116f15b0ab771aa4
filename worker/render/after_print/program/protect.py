"""The encryption of a document."""

from typing import Final

from pikepdf import Encryption, Permissions

from worker.render.after_print.program.order import Protection

# What each of our words allows, by pikepdf's names. Reading aloud is never forbidden: PDF 2.0 says that
# programs shall ignore that bit (ISO 32000-2, table 22).
_ALLOWED: Final = {
    "print": ("print_lowres", "print_highres"),
    "copy": ("extract",),
    "modify": ("modify_other",),
    "annotate": ("modify_annotation",),
    "fill_forms": ("modify_form",),
    "assemble": ("modify_assembly",),
}
# AES with 256 bits, as of PDF 2.0.
_REVISION: Final = 6


def encryption(wanted: Protection | None) -> Encryption | bool:
    """How a document is encrypted; False: not at all."""
    if wanted is None:
        return False
    allowed = {name for word in wanted["permissions"] for name in _ALLOWED[word]}
    bits = {name: name in allowed for names in _ALLOWED.values() for name in names}
    return Encryption(
        user=wanted["user"],
        owner=wanted["owner"],
        R=_REVISION,
        allow=Permissions(accessibility=True, **bits),
    )
