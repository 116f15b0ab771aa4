"""Names and values that people know from other services and libraries, and our words for them.

They are refused like every unknown word, and the message says which of ours is meant. They come from the
documentation of Playwright, Puppeteer, browserless, Gotenberg, ScreenshotOne and Urlbox. Our own names in
camel case, such as `fullPage`, need no entry.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

# Longer words are not compared: that would take time, and nobody means them.
_MAX_COMPARED: Final = 100
_UPPER: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD: Final = re.compile(r"[\W_]+")

# By our name: what others call it, in snake case. A dot leads into an object.
_NAMES: Final[Mapping[str, str]] = {
    "url": "uri link address page_url target_url",
    "html": "content source_html raw_html",
    "format": "type image_type file_type output output_format image_format extension response_type",
    "quality": "image_quality jpeg_quality compression",
    "optimize": "optimize_for_speed",
    "viewport.width": "width viewport_width window_width browser_width w",
    "viewport.height": "height viewport_height window_height browser_height h",
    "viewport": "window window_size resolution size view_port",
    "screen": "screen_size",
    "device_scale_factor": "scale retina dpr device_pixel_ratio scale_factor pixel_ratio",
    "is_mobile": "mobile viewport_mobile",
    "has_touch": "touch viewport_has_touch",
    "device": "viewport_device emulate device_name",
    "full_page": "full fullpage full_screen capture_beyond_viewport entire_page",
    "full_page_scroll": "scroll_page lazy_load scroll_to_bottom",
    "full_page_max_height_px": "full_page_max_height max_height",
    "selector": "element target css_selector",
    "clip": "crop clip_region",
    "clip.x": "clip_x crop_x",
    "clip.y": "clip_y crop_y",
    "clip.width": "clip_width crop_width",
    "clip.height": "clip_height crop_height",
    "omit_background": "transparent transparent_background",
    "hide_selectors": "hide hide_selector hide_elements remove_elements",
    "width_px": "thumb_width thumbnail_width image_width",
    "height_px": "thumb_height thumbnail_height image_height",
    "wait_until": "goto_options wait_for_event skip_network_idle_event wait_for_load_state",
    "wait_for_selector": "wait_for wait_for_element wait_selector",
    "wait_for_function": "wait_for_expression wait_for_js",
    "delay_ms": "delay wait wait_delay wait_for_timeout sleep",
    "navigation_timeout_ms": "navigation_timeout wait_timeout load_timeout page_timeout",
    "timeout_ms": "timeout request_timeout render_timeout",
    "best_attempt": "ignore_timeout ignore_errors",
    "user_agent": "ua useragent",
    "locale": "lang language accept_lang accept_language",
    "timezone_id": "timezone time_zone tz emulate_timezone",
    "geolocation": "location geo",
    "geolocation.latitude": "latitude lat geolocation_latitude",
    "geolocation.longitude": "longitude lng lon geolocation_longitude",
    "geolocation.accuracy": "accuracy geolocation_accuracy",
    "color_scheme": "dark_mode dark dark_theme prefers_color_scheme colour_scheme",
    "media": "media_type emulated_media_type emulate_media_type emulate_media",
    "java_script_enabled": "javascript_enabled javascript disable_js disable_javascript js_enabled",
    "bypass_csp": "ignore_csp set_bypass_csp",
    "ignore_https_errors": "ignore_ssl ignore_ssl_errors ignore_certificate_errors insecure",
    "styles": "css style add_style_tag inject_css style_tags custom_css",
    "scripts": "js script add_script_tag inject_js script_tags custom_js evaluate",
    "click": "click_selector clicks click_element",
    "hover": "hover_selector",
    "scroll_into_view": "scroll_to scroll_to_element",
    "actions": "steps scenario interactions",
    "fail_on_status": "fail_on_4xx fail_on_5xx fail_on_http_status_codes error_on_status",
    "fail_on_console_error": "fail_on_console_exceptions",
    "fail_on_failed_request": "fail_on_resource_http_status_codes fail_on_resource_loading_failed",
    "headers": "header extra_http_headers set_extra_http_headers http_headers custom_headers",
    "basic_auth": "http_credentials authenticate authentication auth credentials",
    "cookies": "cookie set_cookies",
    "proxy.server": "proxy_server proxy_url",
    "block_ads": "ad_block adblock hide_ads no_ads",
    "block_cookie_banners": "hide_cookie_banners no_cookie_banners accept_cookies click_accept",
    "block_popups": "hide_popups no_popups block_chats block_chat_widgets hide_chat",
    "block_resources": "reject_resource_types block_resource_types",
    "block_requests": "reject_request_pattern block_urls block_domains blocked_hosts block_hosts",
    "webhook_url": "webhook callback callback_url webhook_address",
    "cache_ttl_s": "cache cache_ttl ttl cache_age max_age",
    "retention_s": "retention storage_ttl",
    "external_id": "external_identifier reference correlation_id",
    "max_attempts": "retries retry max_retries attempts",
    "run_at": "schedule_at scheduled_at start_at",
    "expires_in_s": "expires_in job_ttl",
    "pdf.format": "paper_format paper_size page_size pdf_page_size",
    "pdf.width": "paper_width",
    "pdf.height": "paper_height",
    "pdf.landscape": "landscape pdf_orientation orientation",
    "pdf.margin": "margin pdf_margin margins",
    "pdf.margin.top": "margin_top pdf_margin_top",
    "pdf.margin.right": "margin_right pdf_margin_right",
    "pdf.margin.bottom": "margin_bottom pdf_margin_bottom",
    "pdf.margin.left": "margin_left pdf_margin_left",
    "pdf.print_background": "print_background pdf_background",
    "pdf.page_ranges": "page_ranges native_page_ranges pdf_page_range",
    "pdf.header_template": "header_template header_html pdf_header",
    "pdf.footer_template": "footer_template footer_html pdf_footer",
    "pdf.prefer_css_page_size": "prefer_css_page_size",
    "pdf.display_header_footer": "display_header_footer",
    "pdf.outline": "outline generate_document_outline",
    "pdf.tagged": "tagged generate_tagged_pdf",
    "pdf.append": "merge merge_with",
    "pdf.attachments": "embeds attach",
    "pdf.password": "encrypt encryption user_password protect",
    "pdf.password.user": "open_password",
    "pdf.password.owner": "owner_password permissions_password",
    "pdf.pdf_a": "pdfa pdf_format",
    "pdf.watermark": "stamp",
    "pdf.single_page": "single_page pdf_fit_one_page pdf_single_page",
}
OUR_NAMES: Final[Mapping[str, str]] = {
    theirs: ours for ours, names in _NAMES.items() for theirs in names.split()
}

# Values, by the name of the field; letters and digits alone, in lower case.
OUR_VALUES: Final[Mapping[str, Mapping[str, str]]] = {
    "format": {"jpg": "jpeg", "jpe": "jpeg", "htm": "html", "md": "markdown", "txt": "text", "mht": "mhtml"},
    "wait_until": {
        "networkidle0": "networkidle",
        "networkidle2": "networkidle",
        "mostrequestsfinished": "networkidle",
        "requestsfinished": "networkidle",
        "domloaded": "domcontentloaded",
        "domready": "domcontentloaded",
        "loaded": "load",
    },
    "color_scheme": {"nopreference": "light"},
    "reduced_motion": {
        "true": "reduce",
        "reduced": "reduce",
        "none": "no-preference",
        "false": "no-preference",
    },
    "contrast": {"high": "more", "true": "more", "none": "no-preference", "false": "no-preference"},
    "forced_colors": {"true": "active", "false": "none"},
    "animations": {"disable": "disabled", "false": "disabled", "none": "disabled", "true": "allow"},
    "caret": {"true": "initial", "false": "hide", "show": "initial", "hidden": "hide"},
}


def snake_case(name: str) -> str:
    """`full_page` for `fullPage`, `full-page` and `Full page`."""
    return _NO_WORD.sub("_", _UPPER.sub("_", name)).strip("_").lower()


def our_name(name: str, known: Collection[str]) -> str | None:
    """The known field that is meant by an unknown name, if anybody could say so.

    Args:
        name: as it was written.
        known: the fields that there are, or the parameters, in whose names the dots of objects are.
    """
    if len(name) > _MAX_COMPARED:
        return None
    plain = snake_case(name)
    ours = OUR_NAMES.get(plain, "")
    for meant in (plain, ours, ours.partition(".")[2]):  # the last: beside fields of the same object
        if meant in known or meant.partition(".")[0] in known:
            return meant
    close = get_close_matches(name, known, n=1)
    return close[0] if close else None


def our_value(field: str, value: object, allowed: Sequence[str]) -> str | None:
    """The allowed value that is meant by another one, if anybody could say so.

    Args:
        field: its name, without those of the objects around it.
        value: as it was written.
        allowed: the values that there are.
    """
    text = str(value) if isinstance(value, str | bool) else ""
    if not 0 < len(text) <= _MAX_COMPARED:
        return None
    plain = _plain(text)
    by_plain_word = {_plain(word): word for word in allowed}
    meant = by_plain_word.get(plain) or OUR_VALUES.get(field, {}).get(plain)
    if meant in allowed:
        return meant
    close = get_close_matches(plain, by_plain_word, n=1)
    return by_plain_word[close[0]] if close else None


def _plain(word: str) -> str:
    return _NO_WORD.sub("", word).lower()
