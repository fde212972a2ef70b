"""What a client asks of whole logs, beyond following them: places, pages, searches, outlines.

Each handler checks what it was asked for, and starts a job of the client; the job's result becomes
an answer. What goes wrong becomes an `error` in one place, `_answer`. Following itself
(`subscribe`, `unsubscribe`) is the client's own.

This module, and all that searches with it, is imported at the first of these commands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from tailws.logs.activity import Counts
from tailws.logs.document import attached
from tailws.logs.history import Page, page
from tailws.logs.locate import BadCursor
from tailws.logs.lookout import Match
from tailws.logs.outline import File, extent, outline
from tailws.logs.outline import Report as Density
from tailws.logs.search import ROOM_DELAY, Report, find
from tailws.logs.search import Wanted as Search
from tailws.logs.seek import Spot, Wanted, locate
from tailws.logs.source import Source
from tailws.messages import (
    Activity,
    ActivityHead,
    BadCommand,
    ErrorCode,
    Extent,
    ExtentHead,
    FileInfo,
    Find,
    FoundHead,
    History,
    HistoryHead,
    Hit,
    Id,
    Locate,
    LocatedHead,
    MatchHead,
    Outline,
    OutlineHead,
    Ping,
    PongHead,
    Rates,
    RatesHead,
    Stop,
    StoppedHead,
    Watch,
)
from tailws.names import is_glob, name_glob
from tailws.server.jobs import Job, Lane
from tailws.text.match import Filter

if TYPE_CHECKING:
    from tailws.server.client import Client

log = logging.getLogger(__name__)

#: Sources in one message of rates: each takes up to a kilobyte.
RATES_BATCH = 200

Result = TypeVar("Result")
Work = Generator[float | None, None, Result]


def _run(
    client: Client,
    lane: Lane,
    source: Source,
    id_: Id | None,
    work: Work[Result],
    done: Callable[[Result], None],
    gone: Callable[[], None] | None = None,
) -> None:
    """Do `work` with the source's file open, as a job; `done` says what came of it.

    `gone` is for who has a better answer to a place that is not kept any more than an error.
    """

    def held() -> Work[Result]:
        with attached(source):
            return (yield from work)

    def failed(error: Exception) -> None:
        if gone is not None and isinstance(error, LookupError):
            gone()
            return
        code, text = _told(error, source)
        client.error(code, text, id_, source.name)

    lane.start(Job(id_, held(), done, failed))


def _told(error: Exception, source: Source) -> tuple[ErrorCode, str]:
    """Say what went wrong as a person would."""
    match error:
        case BadCommand():
            return error.code, error.message
        case BadCursor():
            return "bad-cursor", "This is not a cursor of this daemon."
        case LookupError():
            return "gone", "That place is not kept any more."
        case OSError():
            return "unavailable", f"Cannot be read: {error.strerror or error}."
        case _:
            log.error("a request for %s failed", source.name, exc_info=error)
            return "internal", "The daemon failed; its log says how."


def _named(head: Any, id_: Id | None) -> Any:
    """The same head, with the command's id if it had one."""
    if id_ is not None:
        head.id = id_
    return head


def _history(client: Client, command: History) -> None:
    source = client.source(command.source)
    shared = client.shared
    asked = shared.lines.first_lines if command.lines is None else command.lines

    def done(found: Page) -> None:
        head = HistoryHead(
            source=source.name,
            start=found.start,
            end=found.end,
            more=found.more,
            hidden=found.hidden,
            file=found.file,
        )
        if found.at is not None:
            head.at = found.at
        if found.number is not None:
            head.number = found.number
        if found.time is not None:
            head.time = round(found.time * 1000)
        if found.left is not None:
            head.left = found.left
        if found.left_lines is not None:
            head.left_lines = found.left_lines
        client.say(_named(head, command.id), found.body)

    work = page(
        source,
        shared.library,
        command.before or command.after or "",
        min(asked, shared.lines.max_lines),
        command.before is not None,
        command.filter(source.format),
        command.until,
    )
    _run(client, client.jobs.places, source, command.id, work, done)


def _locate(client: Client, command: Locate) -> None:
    source = client.source(command.source)
    wanted = Wanted(
        None if command.time is None else command.time / 1000,
        command.fraction,
        command.number,
        command.cursor,
        command.skip,
        command.filter(source.format),
    )

    def done(spot: Spot) -> None:
        head = LocatedHead(
            source=source.name,
            cursor=spot.cursor,
            exact=spot.exact,
            at=spot.at,
            oldest=spot.oldest,
        )
        if spot.number is not None:
            head.number = spot.number
        if spot.time is not None:
            head.time = round(spot.time * 1000)
        client.say(_named(head, command.id))

    def gone() -> None:
        def oldest(spot: Spot) -> None:
            head = LocatedHead(source=source.name, cursor=None, exact=False, oldest=spot.cursor)
            client.say(_named(head, command.id))

        work = locate(source, client.shared.library, Wanted(fraction=0.0))
        _run(client, client.jobs.places, source, command.id, work, oldest)

    work = locate(source, client.shared.library, wanted)
    _run(
        client, client.jobs.places, source, command.id, work, done, gone if command.cursor else None
    )


def _find(client: Client, command: Find) -> None:
    source = client.source(command.source)
    search = client.shared.search
    limit = search.hits if command.limit is None else min(command.limit, search.hits)
    filter_ = command.wanted(source.format)
    wanted = Search(filter_, command.cursor, command.forward, limit, search.slice_bytes)
    client.jobs.searches.stop(command.id)

    def tell(report: Report) -> None:
        head = FoundHead(
            id=command.id,
            source=source.name,
            hits=[Hit(cursor=hit.cursor, at=hit.at) for hit in report.hits],
            scanned=report.scanned,
            of=report.of,
            file=report.file,
            count=report.count,
            done=report.done,
        )
        client.say(head)

    work = find(source, client.shared.library, wanted, tell, lambda: client.has_room)
    _run(client, client.jobs.searches, source, command.id, work, lambda _: None)


def _watch(client: Client, command: Watch) -> None:
    shared, may_see = client.shared, client.principal.may_see
    command.filter()  # tells what is wrong with it
    name = command.source
    if not is_glob(name):
        name = client.source(name).name
    glob = name_glob(name)
    key = ("watch", command.id)
    client.release(key)
    if client.holds("watch") >= shared.search.at_once:
        raise BadCommand("too-many", f"One client may have {shared.search.at_once} watches.")

    def tell(match: Match) -> bool:
        if client.is_stuck:
            return False
        head = MatchHead(
            source=match.source.name,
            cursor=match.cursor,
            count=match.count,
            id=command.id,
            t=round(shared.wall() * 1000),
        )
        client.say(head, match.line)
        return True

    lookout = shared.lookouts.watch(
        lambda name: may_see(name) and glob(name),
        lambda source: command.filter(source.format) or Filter.of(),
        command.every,
        tell,
        shared.clients.subscriptions,
    )
    client.hold(key, lookout.close)


def _stop(client: Client, command: Stop) -> None:
    client.release(("watch", command.id))
    client.jobs.searches.stop(command.id)
    client.say(StoppedHead(id=command.id))


def _extent(client: Client, command: Extent) -> None:
    source = client.source(command.source)

    def done(files: list[File]) -> None:
        infos = []
        for file in files:
            info = FileInfo(name=file.name, size=file.size, exact=file.exact, start=file.start)
            if file.first is not None:
                info.first = round(file.first * 1000)
            infos.append(info)
        client.say(_named(ExtentHead(source=source.name, files=infos), command.id))

    work = extent(source, client.shared.library)
    _run(client, client.jobs.places, source, command.id, work, done)


def _outline(client: Client, command: Outline) -> None:
    source = client.source(command.source)

    def tell(report: Density) -> None:
        head = OutlineHead(
            source=source.name,
            buckets=[None if bucket is None else list(bucket) for bucket in report.buckets],
            scanned=report.scanned,
            of=report.of,
            done=report.done,
        )
        client.say(_named(head, command.id))

    work = outline(
        source,
        client.shared.library,
        command.buckets,
        command.filter(source.format),
        tell,
        lambda: client.has_room,
    )
    _run(client, client.jobs.searches, source, command.id, work, lambda _: None)


def _activity(client: Client, command: Activity) -> None:
    meter = client.shared.meter
    client.release(Activity)
    if not command.on:
        return
    waiting: Counts = {}

    def counted(counts: Counts) -> None:
        for name, count in counts.items():
            if client.principal.may_see(name):
                before = waiting.get(name)
                waiting[name] = count if before is None else before + count
        if client.has_room:
            sources = {name: list(count) for name, count in waiting.items()}
            client.say(ActivityHead(sources=sources, t=int(client.shared.wall() * 1000)))
            waiting.clear()

    meter.listen(counted)
    client.hold(Activity, lambda: meter.unlisten(counted))


def _rates(client: Client, command: Rates) -> None:
    shared, may_see = client.shared, client.principal.may_see
    matches = name_glob(command.source)
    if not is_glob(command.source):
        client.source(command.source)
    names = [s.name for s in shared.catalog if matches(s.name) and may_see(s.name)]

    def work() -> Work[None]:
        for at in range(0, max(1, len(names)), RATES_BATCH):
            while not client.has_room:
                yield ROOM_DELAY
            minutes, found = shared.meter.rates(names[at : at + RATES_BATCH])
            head = RatesHead(
                minutes=minutes,
                sources=found,
                t=int(shared.wall() * 1000),
                done=at + RATES_BATCH >= len(names),
            )
            client.say(_named(head, command.id))
            yield None

    def failed(error: Exception) -> None:
        log.error("rates failed", exc_info=error)
        client.error("internal", "The daemon failed; its log says how.", command.id)

    client.jobs.places.start(Job(command.id, work(), lambda _: None, failed))


def _ping(client: Client, command: Ping) -> None:
    client.say(_named(PongHead(t=int(client.shared.wall() * 1000)), command.id))


HANDLERS: dict[type, Callable[[Client, Any], None]] = {
    History: _history,
    Locate: _locate,
    Find: _find,
    Watch: _watch,
    Stop: _stop,
    Extent: _extent,
    Outline: _outline,
    Activity: _activity,
    Rates: _rates,
    Ping: _ping,
}
