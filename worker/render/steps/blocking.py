"""Refuses what the caller does not want to be loaded.

Refused in the egress proxy, on the way out, wherever that sees enough: hosts, and whole addresses of plain
http. The browser stops only those https requests whose paths have to be seen. As soon as it is to stop any,
each request of the page takes a longer way through Chromium: 1.4 ms of CPU, also if it is not stopped. So a
page of plain http has it do so only from its first tunnel on.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from fleet.egress.request_patterns import RequestPatterns
from fleet.errors import ErrorType, RenderError
from fleet.filters.errors import FilterListError
from fleet.filters.store import ListName
from fleet.render.options.blocking import Resource
from worker.blocking.kinds import PROTOCOL_NAMES
from worker.blocking.list_engine import ListEngine
from worker.blocking.sieve import RefusedBy, Sieve, Wishes
from worker.browser.devtools import DevToolsError, Params
from worker.browser.paused_requests import Judgement
from worker.render.context import Render


async def run(render: Render) -> None:
    """Add what is refused to the terms of the page, and have the browser stop what only it can see.

    Raises:
        RenderError: `internal_error`: not even the lists that renderfleet ships can be read.
    """
    request, page = render.request, render.page
    kinds = {*request.block_resources, *([Resource.MEDIA] if request.block_media else [])}
    if not (request.block_requests or kinds or request.block_ads or request.block_trackers):
        return
    if render.replay is not None:
        return  # what was refused then has failed then, and fails again
    render.blocked.is_wanted = True
    wishes = Wishes(
        request.url or "",
        block=RequestPatterns(request.block_requests),
        allow=RequestPatterns(request.allow_requests),
        lists=await _lists(render),
        kinds=frozenset(PROTOCOL_NAMES[kind] for kind in kinds),
    )

    def note(reason: RefusedBy) -> None:
        render.blocked.requests += 1
        render.blocked.ads += reason is RefusedBy.ADS
        render.blocked.trackers += reason is RefusedBy.TRACKERS

    def note_cut(length: int) -> None:
        render.blocked.bytes += length

    sieve = render.sieve = Sieve(wishes, note, note_cut=note_cut)

    def judge(params: Params) -> Judgement:
        is_page = page.is_own_document(params)
        return Judgement(sieve.refuses(params["request"], params["resourceType"], is_page=is_page))

    render.terms = replace(render.terms, unwanted=sieve)
    if not (patterns := sieve.patterns()):
        return
    if not sieve.is_of_tunnels:
        await page.paused.watch(patterns, judge)
        return

    async def watch() -> None:
        with suppress(DevToolsError):  # the page has ended, and with it the tunnel
            await page.paused.watch(patterns, judge)

    sieve.call_before_tunnels(watch)


async def _lists(render: Render) -> Mapping[ListName, ListEngine]:
    wanted = {ListName.ADS: render.request.block_ads, ListName.TRACKERS: render.request.block_trackers}
    names = [name for name, is_wanted in wanted.items() if is_wanted]
    try:
        return await render.lists.engines(names) if names else {}
    except FilterListError as error:
        detail = "the lists of advertisements and trackers cannot be read"
        raise RenderError(ErrorType.INTERNAL_ERROR, detail) from error
