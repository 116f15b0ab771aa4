"""RenderRequest: everything that a caller may ask of one render."""

from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import Url

from fleet.egress.request_patterns import RequestPatterns, target_of
from fleet.input.field_errors import rule_error
from fleet.input.quoted_values import with_quoted
from fleet.pictures.sizes import MAX_AVIF_PIXELS, MAX_DEVICE_PIXELS
from fleet.render.devices import with_device
from fleet.render.options.actions import ActionsOptions
from fleet.render.options.blocking import BlockingOptions
from fleet.render.options.emulation import EmulationOptions
from fleet.render.options.evidence import EvidenceOptions
from fleet.render.options.failing import FailingOptions
from fleet.render.options.full_page import FullPageOptions
from fleet.render.options.identity import IdentityOptions, check_target
from fleet.render.options.injection import InjectionOptions
from fleet.render.options.job import JobOptions
from fleet.render.options.output import PICTURES, TRANSPARENT, Format, OutputOptions
from fleet.render.options.overlays import OverlaysOptions
from fleet.render.options.pdf import PdfOptions
from fleet.render.options.readiness import ReadinessOptions
from fleet.render.options.screenshot import ScreenshotOptions
from fleet.render.options.source import SourceOptions
from fleet.render.options.text import TextOptions
from fleet.render.options.verdict import VerdictOptions
from fleet.render.options.viewport import ViewportOptions


class RenderRequest(
    SourceOptions,
    BlockingOptions,
    OverlaysOptions,
    IdentityOptions,
    ViewportOptions,
    EmulationOptions,
    ReadinessOptions,
    InjectionOptions,
    ActionsOptions,
    FailingOptions,
    FullPageOptions,
    ScreenshotOptions,
    PdfOptions,
    TextOptions,
    VerdictOptions,
    OutputOptions,
    EvidenceOptions,
    JobOptions,
):
    """The groups side by side, as one flat document. Unknown fields are refused."""

    # An error that is logged must not hold what was given.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _made_ready(cls, document: Any) -> Any:
        return with_quoted(with_device(document), cls)

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> Self:
        if self.format not in PICTURES and (given := _OF_PICTURES & self.model_fields_set):
            name = min(given)
            rest = "; a pdf always holds the whole page" if name == "full_page" else ""
            raise rule_error(name, f"is for pictures; `format` is {self.format.value}{rest}")
        return self

    @model_validator(mode="after")
    def _paper_is_of_pdf(self) -> Self:
        if self.pdf is not None and self.format is not Format.PDF:
            raise rule_error("pdf", f"is for a pdf; `format` is {self.format.value}")
        return self

    @model_validator(mode="after")
    def _files_of_the_pdf_are_there(self) -> Self:
        for name, given in self.pdf.given_files.items() if self.pdf is not None else ():
            if given.file is not None and given.file not in (self.files or ()):
                there = "has no `files`" if self.files is None else "has no file of this name in `files`"
                raise rule_error(f"{name}.file", f"the job {there}; or give its bytes as `content`")
        return self

    @model_validator(mode="after")
    def _article_is_of_markdown(self) -> Self:
        if "article_only" in self.model_fields_set and self.format is not Format.MARKDOWN:
            raise rule_error("article_only", f"is for markdown; `format` is {self.format.value}")
        return self

    @model_validator(mode="after")
    def _one_part_of_the_page_fits_a_picture(self) -> Self:
        for name in ("selector", "clip"):
            if self.full_page and getattr(self, name) is not None:
                raise rule_error(name, "cannot be given together with `full_page`")
        if self.clip is not None:
            pixels = self.clip.width * self.clip.height * self.device_scale_factor**2
            if pixels > MAX_DEVICE_PIXELS:
                said = (
                    f"width x height x `device_scale_factor` squared is {pixels:,.0f} pixels; at most "
                    f"{MAX_DEVICE_PIXELS:,} are allowed"
                )
                raise rule_error("clip", said, allowed=f"at most {MAX_DEVICE_PIXELS:,} pixels")
        pixels = self.viewport.width * self.viewport.height * self.device_scale_factor**2
        if self.format is Format.AVIF and pixels > MAX_AVIF_PIXELS:
            raise rule_error(
                "viewport",
                f"width x height x `device_scale_factor` squared is {pixels:,.0f} pixels; at most "
                f"{MAX_AVIF_PIXELS:,} are allowed for avif",
                allowed=f"at most {MAX_AVIF_PIXELS:,} pixels for avif",
            )
        if self.omit_background and self.format not in TRANSPARENT:
            raise rule_error("omit_background", f"is not for {self.format.value}, which is never transparent")
        return self

    @model_validator(mode="after")
    def _page_itself_is_not_blocked(self) -> Self:
        if self.url is None or not self.block_requests:
            return self
        host, target = Url(self.url).host or "", target_of(self.url)
        is_allowed = RequestPatterns(self.allow_requests).match(host, target)
        if not is_allowed and RequestPatterns(self.block_requests).match(host, target):
            raise rule_error("block_requests", "matches `url` itself, so that there would be nothing to see")
        return self

    @model_validator(mode="after")
    def _identity_has_a_target(self) -> Self:
        check_target(self, self.url)
        return self

    def canonical(self) -> bytes:
        """The same bytes for requests that mean the same, whatever their spelling."""
        return self.model_dump_json(exclude={_DEVICE}).encode()

    def rendered(self) -> bytes:
        """The same bytes for requests that render the same, whenever, however often and for whomever."""
        # JSON ends at its line: 2 MiB of HTML need not be written as JSON once more, which takes 20 ms.
        return f"{self.model_dump_json(include=_RENDERED)}\n{self.html or ''}".encode()


# Only a name for other options, which have their values.
_DEVICE: Final = "device"
_OF_PICTURES: Final = {*FullPageOptions.model_fields, *ScreenshotOptions.model_fields}
# All groups but that of the job, which no page sees. Each has a file of its name in worker/render/steps.
RENDER_GROUPS: Final = tuple(
    group for group in RenderRequest.__bases__ if issubclass(group, BaseModel) and group is not JobOptions
)
# The options that reach the page, besides `html`.
_RENDERED: Final = {name for group in RENDER_GROUPS for name in group.model_fields} - {"html", _DEVICE}
