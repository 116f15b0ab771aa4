"""The options of a render, for editors and type checkers. The README of renderfleet says what each does.

Whatever is given is sent as it is: the server checks it, so a newer server's options work too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict


class RenderOptions(TypedDict, total=False):
    """The body of `POST /v1/jobs`. Exactly one of url, html, template, markdown and files is needed."""

    url: str | None
    html: str | None
    template: str | None
    data: Mapping[str, Any] | None
    markdown: str | None
    base_url: str | None
    files: Mapping[str, str] | None
    priority: int
    max_attempts: int
    run_at: datetime | str | None
    expires_in_s: int | None
    retention_s: int
    cache_ttl_s: int
    webhook_url: str | None
    external_id: str | None
    evidence: bool | Mapping[str, Any] | None
    format: str
    quality: int | None
    optimize: str
    width_px: int | None
    height_px: int | None
    article_only: bool
    pdf: Mapping[str, Any] | None
    selector: str | None
    selector_padding_px: int
    clip: Mapping[str, Any] | None
    omit_background: bool
    hide_selectors: Sequence[str]
    animations: str
    caret: str
    full_page: bool
    full_page_scroll: bool
    full_page_max_height_px: int | None
    fail_on_status: Sequence[int | str]
    fail_if_content_contains: Sequence[str]
    fail_if_content_missing: Sequence[str]
    fail_on_console_error: bool
    fail_on_failed_request: bool
    fail_on_verdict: bool
    click: str | None
    scroll_into_view: str | None
    hover: str | None
    actions: Sequence[Mapping[str, Any]]
    styles: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
    scripts: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
    wait_until: str
    wait_for_selector: str | Mapping[str, Any]
    wait_for_function: str | None
    wait_for_fonts: bool
    delay_ms: int
    best_attempt: bool
    navigation_timeout_ms: int
    timeout_ms: int
    user_agent: str | None
    locale: str | None
    timezone_id: str | None
    geolocation: Mapping[str, Any] | None
    color_scheme: str
    reduced_motion: str
    contrast: str
    forced_colors: str
    media: str | None
    java_script_enabled: bool
    bypass_csp: bool
    ignore_https_errors: bool
    device: str | None
    viewport: Mapping[str, Any]
    screen: Mapping[str, Any] | None
    device_scale_factor: float
    is_mobile: bool
    has_touch: bool
    headers: Mapping[str, str]
    basic_auth: Mapping[str, Any] | None
    cookies: Sequence[Mapping[str, Any] | str]
    storage_state: Mapping[str, Any] | None
    proxy: Mapping[str, Any] | None
    send_traceparent: bool
    allow_requests: Sequence[str]
    block_ads: bool
    block_cookie_banners: bool
    block_media: bool
    block_popups: bool
    block_requests: Sequence[str]
    block_resources: Sequence[str]
    block_trackers: bool
