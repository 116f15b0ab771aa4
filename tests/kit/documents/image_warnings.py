"""Warnings of a render, where a test's server answers with text to a page that asks for an image.

Of such an image the render says that it did not come, which most tests are not about.
"""

from worker.render.pipeline import Rendered


def without_image_warnings(rendered: Rendered) -> list[str]:
    """All other warnings of a render."""
    return [warning for warning in rendered.warnings if not warning.startswith("images: these did not come")]
