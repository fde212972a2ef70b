"""What a client may say: one JSON object a message, parsed strictly into frozen structures.

`parse` raises `BadCommand`, whose sentence names the field and what was expected; nothing is
ignored in silence, for a filter with a misspelt name would show what it should hide. Names of
sources and cursors are not looked into here, patterns only when `filter` compiles them.
"""

import difflib
import re
from collections.abc import Iterable
from datetime import tzinfo
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tailws.names import is_glob
from tailws.text import times
from tailws.text.match import MAX_TERMS, BadPattern, Filter, Term

#: A command's number or name, chosen by the client and repeated in each answer to it.
Id = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=64)]

# PATH_MAX (4,096 bytes), each byte written as `%XX`
_Source = Annotated[str, Meta(min_length=1, max_length=3 * 4096)]
_Cursor = Annotated[str, Meta(min_length=1, max_length=512)]
_Lines = Annotated[int, Meta(ge=0, le=2**31)]
#: Milliseconds since 1970, or what `times.moment` reads.
_Moment = Annotated[float, Meta(ge=0, le=2**53)] | Annotated[str, Meta(min_length=1, max_length=64)]


ErrorCode = Literal[
    "bad-message",  # not a command of this protocol, or with wrong keys
    "bad-pattern",  # not RE2, or too large
    "bad-cursor",  # not a cursor, or one of another source
    "unknown-source",  # there is none of this name, or none that this client may see
    "unavailable",  # the source cannot be read now
    "not-offered",  # this daemon has no such feature
    "too-many",  # subscriptions, searches or watches
    "gone",  # the place that was asked for is no longer kept
    "internal",  # the daemon's own fault, which is in its log
]


class BadCommand(Exception):
    """A command that cannot be obeyed; the connection goes on.

    `code` is that of the `error` message, `id` that of the command if it had one.
    """

    def __init__(self, code: ErrorCode, message: str, id: int | str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


_Terms = Annotated[tuple[str | Term, ...], Meta(max_length=MAX_TERMS)] | str | Term | None


class _Command(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower
):
    id: Id | None = None


class _Filtered(_Command, frozen=True, kw_only=True):
    include: _Terms = None
    exclude: _Terms = None
    records: bool = False
    """A record, such as a stack trace with its head, is shown or hidden as one."""

    def filter(self, format_: str = "") -> Filter | None:
        """Return the two keys, compiled, or None if they are not given; raises `BadCommand`.

        `format_` names how the lines of the source are built, if the config says so.
        """
        return _compiled(self, _terms(self.include), _terms(self.exclude), format_) or None


class Subscribe(_Filtered, frozen=True, kw_only=True):
    """Send what is there, as asked, and then each new line."""

    source: _Source
    lines: _Lines | None = None
    cursor: _Cursor | None = None
    start: Literal["start"] | None = msgspec.field(default=None, name="from")
    since: _Moment | None = None
    """The first line at or after a time, also in rotated files."""
    cursors: dict[_Source, _Cursor] | None = None

    @property
    def is_glob(self) -> bool:
        """Whether `source` is a glob over names."""
        return is_glob(self.source)


class Unsubscribe(_Command, frozen=True, kw_only=True):
    """Stop sending a source, or all of a glob, named as in `subscribe`."""

    source: _Source


class History(_Filtered, frozen=True, kw_only=True):
    """The lines before or after a place."""

    source: _Source
    before: _Cursor | None = None
    after: _Cursor | None = None
    until: _Cursor | None = None
    """The page ends here, as if the log did."""
    lines: _Lines | None = None


class Locate(_Filtered, frozen=True, kw_only=True):
    """The cursor of a place that is known by something else."""

    source: _Source
    time: Annotated[float, Meta(ge=0, le=2**53)] | None = None
    """Milliseconds since 1970: the first line at or after it."""
    fraction: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Of the bytes of the whole log: 0 is its beginning, 1 its end."""
    number: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    """A line of the live file, counted from 1."""
    cursor: _Cursor | None = None
    skip: Annotated[int, Meta(ge=0, le=2**31)] = 0
    """Lines behind `cursor`, under the filter if one is given."""


class Find(_Filtered, frozen=True, kw_only=True):
    """Look for lines in the whole log; hits come as they are found."""

    id: Id
    source: _Source
    pattern: str | Term
    cursor: _Cursor | None = None
    """Where to begin; without it at the end, or at the beginning if `forward`."""
    forward: bool = False
    limit: Annotated[int, Meta(ge=1, le=2**31)] | None = None

    def wanted(self, format_: str = "") -> Filter:
        """Return what is looked for, among what the filter shows; as for `filter`."""
        include = (*_terms(self.include), self.pattern)
        return _compiled(self, include, _terms(self.exclude), format_)


class Watch(_Filtered, frozen=True, kw_only=True):
    """Tell of matching lines of sources that are not subscribed to, at most one in a time."""

    id: Id
    source: _Source
    every: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    """Seconds."""


class Stop(_Command, frozen=True, kw_only=True):
    """End the `find` or `watch` of this id."""

    id: Id


class Activity(_Command, frozen=True, kw_only=True):
    """Switch the counts of all visible sources, once a second, on or off."""

    on: bool = True


class Rates(_Command, frozen=True, kw_only=True):
    """How much came in each minute of the last hour, of the sources of that name or glob."""

    source: _Source = "**"


class Extent(_Command, frozen=True, kw_only=True):
    """Which files a log consists of."""

    source: _Source


class Outline(_Filtered, frozen=True, kw_only=True):
    """How many lines stand where, in so many equal parts of the log's bytes."""

    source: _Source
    buckets: Annotated[int, Meta(ge=1, le=4000)] = 200


class Download(_Filtered, frozen=True, kw_only=True):
    """The form of `POST /download`: a log, or a range of it, as a file."""

    source: _Source
    after: _Cursor | None = None
    before: _Cursor | None = None
    skip: Annotated[int, Meta(ge=0, le=2**53)] = 0
    """Lines behind `after` that are left out, under the filter."""
    since: _Moment | None = None
    until: _Moment | None = None
    """From the first line at or after a time, up to the first one at or after another."""
    lines: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class Ping(_Command, frozen=True, kw_only=True):
    """Ask for the daemon's clock."""


Command = (
    Subscribe | Unsubscribe | History | Locate | Find | Watch | Stop
    | Activity | Rates | Extent | Outline | Ping
)  # fmt: skip
TYPES: dict[str, type[Command]] = {
    kind.__name__.lower(): kind
    for kind in (
        Subscribe, Unsubscribe, History, Locate, Find, Watch, Stop, Activity, Rates, Extent,
        Outline, Ping,
    )
}  # fmt: skip

_decoder = msgspec.json.Decoder(Command)


class _Envelope(Struct):
    type: Any = None
    id: Any = None


_envelope = msgspec.json.Decoder(_Envelope)


def parse(text: str | bytes | bytearray | memoryview) -> Command:
    """Return the command that a message holds; raises `BadCommand`."""
    try:
        command: Command = _decoder.decode(text)
        problem = _contradiction(command)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _bad(text, error) from None
    if problem:
        raise BadCommand("bad-message", problem, command.id)
    return command


def _contradiction(command: Command | Download) -> str | None:
    """Return what is wrong between the keys of a command."""
    match command:
        case Subscribe():
            asked = _given(
                command,
                lines="lines",
                cursor="cursor",
                start="from",
                since="since",
                cursors="cursors",
            )
            if len(asked) > 1:
                return f"subscribe: {_list(asked)} exclude each other; give one of them."
            if command.is_glob and command.cursor is not None:
                return "subscribe: a glob has a cursor for each source; give 'cursors'."
            if not command.is_glob and command.cursors is not None:
                return "subscribe: 'cursors' belongs to a glob; for one source give 'cursor'."
        case Download():
            for one, other in (("after", "since"), ("before", "until")):
                if getattr(command, one) is not None and getattr(command, other) is not None:
                    return f"download: '{one}' and '{other}' exclude each other; give one of them."
        case History():
            asked = _given(command, before="before", after="after")
            if len(asked) != 1:
                return "history: give either 'before' or 'after', a cursor."
        case Locate():
            asked = _given(
                command, time="time", fraction="fraction", number="number", cursor="cursor"
            )
            if len(asked) != 1:
                return "locate: give one of 'time', 'fraction', 'number' and 'cursor'."
            if command.skip and command.cursor is None:
                return "locate: 'skip' counts from a 'cursor', which is missing."
        case _:
            pass
    return None


def seconds(moment: float | str, now: float, zone: tzinfo) -> float:
    """What a command says of a time, in seconds since the epoch; raises `BadCommand`.

    `now` is in seconds too; `zone` is that of a time that names none.
    """
    if not isinstance(moment, str):
        return moment / 1000
    found = times.moment(moment, now, zone)
    if found is None:
        hint = "write 15m (ago), 14:02, 2026-11-22T14:02, or milliseconds since 1970"
        raise BadCommand("bad-message", f"'{moment[:64]}' is no time; {hint}.")
    return found


def _given(struct: Struct, **names: str) -> list[str]:
    return [key for name, key in names.items() if getattr(struct, name) is not None]


def _list(keys: list[str]) -> str:
    return ", ".join(f"'{key}'" for key in keys[:-1]) + f" and '{keys[-1]}'"


_Term = str | Term


def _terms(given: tuple[_Term, ...] | _Term | None) -> tuple[_Term, ...]:
    if given is None:
        return ()
    return given if isinstance(given, tuple) else (given,)


def _compiled(
    command: _Filtered, include: tuple[_Term, ...], exclude: tuple[_Term, ...], format_: str
) -> Filter:
    try:
        return Filter.of(include, exclude, command.records, format_)
    except BadPattern as error:
        raise BadCommand("bad-pattern", str(error), command.id) from None


_AT = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_QUOTED = re.compile(r"`([^`]*)`")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_PHRASES = (
    (" of length >= 1", " that is not empty"),
    (" of length <=", " of a length up to"),
    (" <=", " up to"),
    (" >=", " from"),
    ("invalid enum value", "there is no value"),
)


def _bad(text: str | bytes | bytearray | memoryview, error: Exception) -> BadCommand:
    """Turn what msgspec found into a sentence that names the field."""
    if isinstance(error, UnicodeError):
        return BadCommand("bad-message", "This is not UTF-8.")
    try:
        envelope = _envelope.decode(text)
    except msgspec.ValidationError:
        return BadCommand("bad-message", 'A command is a JSON object with a "type".')
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return BadCommand(
            "bad-message", 'This is not JSON; a command is one JSON object with a "type".'
        )
    kind, id_ = envelope.type, envelope.id
    id_ = id_ if type(id_) is int or (isinstance(id_, str) and len(id_) <= 64) else None
    known = ", ".join(TYPES)
    if kind is None:
        return BadCommand("bad-message", f'The "type" is missing. It is one of: {known}.', id_)
    if not isinstance(kind, str):
        return BadCommand("bad-message", f'The "type" is a text, one of: {known}.', id_)
    if kind not in TYPES:
        near = difflib.get_close_matches(kind[:40], TYPES, 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        message = f"There is no command '{kind[:40]}'.{hint} There are: {known}."
        return BadCommand("bad-message", message, id_)
    return BadCommand("bad-message", f"{kind}: {_sentence(str(error), TYPES[kind])}", id_)


def _sentence(said: str, kind: type[_Command]) -> str:
    place = _AT.search(said)
    said = _AT.sub("", said)
    where = f"'{place[1]}': " if place and place[1] else ""
    quoted = _QUOTED.findall(said)
    inner = Term if where else kind
    fields = [field.encode_name for field in msgspec.structs.fields(inner)]
    if "unknown field" in said and quoted:
        near = difflib.get_close_matches(quoted[0], fields, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {_list(fields)}."
        return f"{where}there is no key '{quoted[0][:40]}'; {hint}"
    if "missing required field" in said and quoted:
        return f"{where}the key '{quoted[0]}' is missing."
    said = _QUOTED.sub(lambda match: _types(match[1]), said)
    said = said[:1].lower() + said[1:]
    for phrase, plain in _PHRASES:
        said = said.replace(phrase, plain)
    return f"{where}{said}."


def _types(union: str) -> str:
    """Say `int | null` as a person would; null is the same as leaving a key out."""
    words = [_WORDS.get(word, word) for word in union.split(" | ") if word != "null"]
    return " or ".join(dict.fromkeys(words)) or "null"


class Opening(Struct, frozen=True):
    """What the query of `/ws` and `/tail` asks for before the first message."""

    subscriptions: tuple[Subscribe, ...] = ()
    text: bool = False
    """Send only lines, no heads."""


def from_query(query: Iterable[tuple[str, str]], source: str | None = None) -> Opening:
    """Read `source=NAME&lines=N&include=RE&exclude=RE&format=text`; raises `BadCommand`.

    `source`, `include` and `exclude` may be repeated; `cursor`, `from` and `since` are as in
    `subscribe`.
    With `source` given, by the path of the address, the query may not name any.
    """
    names = ("source", "lines", "cursor", "from", "since", "include", "exclude", "format")
    given: dict[str, list[str]] = {}
    for name, value in query:
        if name not in names or (name == "source" and source is not None):
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {_list(list(names))}."
            raise BadCommand("bad-message", f"There is no parameter '{name[:40]}'; {hint}")
        given.setdefault(name, []).append(value)
    for name in ("lines", "cursor", "from", "since", "format"):
        if len(given.get(name, ())) > 1:
            raise BadCommand("bad-message", f"The parameter '{name}' may stand only once.")
    form = given.pop("format", ["v1"])[0]
    if form not in ("v1", "text"):
        raise BadCommand("bad-message", "The parameter 'format' is 'text', or left out.")
    sources = [source] if source is not None else given.pop("source", [])
    if not sources and (given or form == "text"):
        raise BadCommand("bad-message", "The parameter 'source' is missing: which log?")
    keys: dict[str, Any] = {
        name: values for name, values in given.items() if name in ("include", "exclude")
    }
    keys |= {name: given[name][0] for name in ("lines", "cursor", "from", "since") if name in given}
    return Opening(
        tuple(_opened({"type": "subscribe", "source": name, **keys}) for name in sources),
        form == "text",
    )


def from_form(fields: Iterable[tuple[str, str]]) -> Download:
    """Read the fields of `POST /download`; raises `BadCommand`.

    `include` and `exclude` are patterns and may be repeated; `filter` holds both as JSON, with all
    kinds of terms.
    """
    names = tuple(field.encode_name for field in msgspec.structs.fields(Download))
    names = (*(name for name in names if name != "id"), "filter")
    keys: dict[str, Any] = {}
    for name, value in fields:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {_list(list(names))}."
            raise BadCommand("bad-message", f"There is no field '{name[:40]}'; {hint}")
        if name in ("include", "exclude"):
            keys.setdefault(name, []).append(value)
        elif name in keys:
            raise BadCommand("bad-message", f"The field '{name}' may stand only once.")
        elif name in ("skip", "lines"):
            keys[name] = _whole(name, value)
        elif value:  # an empty field of a form is one that was not filled in
            keys[name] = value
    try:
        if "filter" in keys:
            keys |= msgspec.json.decode(keys.pop("filter"), type=dict[str, Any])
        wanted = msgspec.convert(keys, Download)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadCommand("bad-message", f"download: {_sentence(str(error), Download)}") from None
    problem = _contradiction(wanted)
    if problem:
        raise BadCommand("bad-message", problem)
    return wanted


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,15}", value, re.ASCII):
        raise BadCommand("bad-message", f"'{name}' is a whole number from 0.")
    return int(value)


def _opened(keys: dict[str, Any]) -> Subscribe:
    if "lines" in keys:
        if not re.fullmatch(r"\d{1,10}", keys["lines"], re.ASCII):
            raise BadCommand("bad-message", "The parameter 'lines' is a whole number from 0.")
        keys["lines"] = int(keys["lines"])
    command = parse(msgspec.json.encode(keys))
    assert isinstance(command, Subscribe)
    return command
