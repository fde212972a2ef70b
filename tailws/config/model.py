"""What can be configured: frozen structures with each key's default, bounds and reason.

This is the one place where a default stands. The loader, the JSON schema, the reference and the
example file are all made from it. After loading, durations are seconds (float), sizes are bytes
(int), paths are absolute.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

UNLIMITED = 2**53  # the largest integer that JSON readers agree on


def _text(why: str, kind: str = "text") -> Meta:
    return Meta(description=why, extra={"kind": kind})


def _count(why: str, least: int = 0, most: int = 1_000_000) -> Meta:
    return Meta(description=why, ge=least, le=most, extra={"kind": "count"})


def _size(why: str, least: int = 0, most: int = UNLIMITED) -> Meta:
    return Meta(description=why, ge=least, le=most, extra={"kind": "size"})


def _seconds(why: str, least: float = 0, most: float = 86_400) -> Meta:
    return Meta(description=why, ge=least, le=most, extra={"kind": "duration"})


PathGlob = Annotated[str, Meta(extra={"kind": "path-glob"})]
ExcludeGlob = Annotated[str, Meta(extra={"kind": "exclude-glob"})]
Directory = Annotated[str, Meta(extra={"kind": "path"})]
NameGlob = Annotated[str, Meta(extra={"kind": "name-glob"})]
Encoding = Literal["auto", "utf-8", "utf-16le", "utf-16be", "latin-1"]
Format = Literal["auto", "plain", "json", "logfmt", "syslog", "access", "cri", "docker"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the config file."""


class Listen(Section, frozen=True):
    """Where browsers connect. The short form is the address alone."""

    address: Annotated[
        str,
        _text("`127.0.0.1:3368`, `[::1]:3368`, `localhost:3368` or `unix:/path`.", "address"),
    ]
    mode: Annotated[
        int,
        Meta(
            description="Permissions of a Unix socket, in octal: its group, a proxy, may connect.",
            ge=0,
            le=0o777,
            extra={"kind": "mode"},
        ),
    ] = 0o660
    group: Annotated[
        str, _text("Group of a Unix socket; without one the daemon's own stays.", "word")
    ] = ""

    @property
    def unix(self) -> str:
        """The path of a Unix socket, or an empty string."""
        return self.address.removeprefix("unix:") if self.address.startswith("unix:") else ""

    @property
    def host(self) -> str:
        """The host of a TCP address, without brackets."""
        return "" if self.unix else self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of a TCP address; 0 lets the kernel choose."""
        return 0 if self.unix else int(self.address.rpartition(":")[2])


class Source(Section, frozen=True):
    """One log to follow, or all that patterns match."""

    name: Annotated[
        str,
        _text(
            "How pages call it. A path without a wildcard is the source `NAME`; a match of a "
            "pattern is `NAME/` and its path relative to the pattern's fixed part.",
            "source-name",
        ),
    ]
    path: Annotated[
        tuple[PathGlob, ...],
        _text(
            "A path or a list of paths, relative to the config file. Wildcards: `*`, `?`, `[..]`, "
            "and `**` for any number of directories. A file that several match gets the name "
            "that the first of them gives.",
            "list",
        ),
    ]
    exclude: Annotated[
        tuple[ExcludeGlob, ...],
        _text(
            "Patterns of paths to leave out. One without a slash is compared with the file's name.",
            "list",
        ),
    ] = ()
    archives: Annotated[
        tuple[Directory, ...],
        _text(
            "Directories where rotated files are kept, if not beside the log (logrotate's "
            "`olddir`). `app.log.1`, `app.log-20261122.gz` and the like in the log's own "
            "directory are found without it.",
            "list",
        ),
    ] = ()
    encoding: Annotated[
        Encoding,
        _text("How the file is written. `auto` is UTF-8, or UTF-16 where a byte order mark says."),
    ] = "auto"
    timezone: Annotated[
        str,
        _text(
            "The zone of times that name none: `Europe/Berlin`, `UTC`, `+02:00`; `local` is the "
            "machine's.",
            "timezone",
        ),
    ] = "local"
    format: Annotated[
        Format,
        _text("How lines are built. `auto` looks at the lines; `plain` never takes them apart."),
    ] = "auto"


class Token(Section, frozen=True):
    """One secret that opens the page. It has one of `token`, `file` and `credential`."""

    name: Annotated[
        str, _text("Whose token it is, for the access log and the list of sessions.", "word")
    ]
    token: Annotated[
        str, _text("The secret itself; then nobody else may read the config file.", "secret")
    ] = ""
    file: Annotated[str, _text("A file whose first line is the secret.", "path")] = ""
    credential: Annotated[
        str, _text("The name of a systemd credential (`LoadCredential=`) that holds it.", "word")
    ] = ""
    sources: Annotated[
        tuple[NameGlob, ...],
        _text("What it may see: globs over source names (`*`, `**`, `?`).", "list"),
    ] = ("**",)


class Access(Section, frozen=True):
    """Who may see the logs. `access: none` is short for `access: {tokens: none}`."""

    tokens: Annotated[
        tuple[Token, ...] | Literal["none"],
        _text(
            "The tokens that are accepted. Without this key a random one is made at each start "
            "and printed; `none` lets everybody in who reaches the address.",
            "list",
        ),
    ] = ()
    session: Annotated[
        float,
        _seconds(
            "How long a browser stays signed in without coming back: a month of weekends away.",
            60,
            366 * 86_400,
        ),
    ] = 30 * 86_400.0
    hosts: Annotated[
        tuple[str, ...],
        _text(
            "Further names under which the daemon is reached: `logs.example.org`, or "
            "`*.example.org`. Requests for other names are refused, which stops DNS rebinding; "
            "addresses and `localhost` are always allowed.",
            "host",
        ),
    ] = ()
    origins: Annotated[
        tuple[str, ...],
        _text(
            "Further pages that may open the WebSocket, as `https://host`. The daemon's own is "
            "always allowed.",
            "origin",
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        _text(
            "Addresses or networks whose `Forwarded` and `X-Forwarded-*` headers are believed; "
            "`unix` for whoever connects through a Unix socket.",
            "network",
        ),
    ] = ()
    base_path: Annotated[
        str, _text("The path under which a proxy shows the page, such as `/logs`.", "base-path")
    ] = ""
    metrics: Annotated[
        Literal["token", "open", "off"],
        _text("Who may read `/metrics`: it names every source, so a token is asked for."),
    ] = "token"
    health: Annotated[
        Literal["token", "open", "off"],
        _text("Who may read `/healthz`: it says no more than well or not well."),
    ] = "open"

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the address is let in."""
        return self.tokens == "none"


class Lines(Section, frozen=True):
    """How lines are cut and gathered on their way to the browsers."""

    window: Annotated[
        float,
        _seconds(
            "Under load at most one batch leaves a source in this time; the first one after a "
            "pause goes at once. Nobody sees 50 ms, and it costs a ninth of the CPU. 0: never "
            "wait.",
            0,
            5,
        ),
    ] = 0.05
    window_blocks: Annotated[
        int,
        _count(
            "Recent blocks that each source keeps encoded for all its subscribers. 0: each reads "
            "the file itself.",
            0,
            65_536,
        ),
    ] = 64
    window_bytes: Annotated[
        int, _size("The memory that these blocks may take for each source.", 0, 2**30)
    ] = 1 << 20
    block_bytes: Annotated[
        int,
        _size(
            "How much is read, encoded and sent as one message. Larger ones delay other clients.",
            4096,
            1 << 20,
        ),
    ] = 64 << 10
    line_bytes: Annotated[
        int,
        _size(
            "A longer line is shortened and marked: it would fill the memory of every page.",
            1024,
            16 << 20,
        ),
    ] = 512 << 10
    first_lines: Annotated[
        int,
        _count(
            "The last lines that a subscription begins with unless it says how many: some screens."
        ),
    ] = 200
    max_lines: Annotated[
        int,
        _count(
            "The most lines that one `subscribe` or `history` gets at once; more is asked for as "
            "one scrolls.",
            1,
            1_000_000,
        ),
    ] = 10_000


class Files(Section, frozen=True):
    """How files are read, watched and let go."""

    turn_bytes: Annotated[
        int,
        _size("Read from one file before the next one has its turn.", 64 << 10, 64 << 20),
    ] = 1 << 20
    poll: Annotated[
        float,
        _seconds(
            "Every file is looked at in this time whatever the kernel says: notifications get "
            "lost.",
            0.1,
            3600,
        ),
    ] = 2.0
    poll_fast: Annotated[
        float,
        _seconds(
            "The same for files that the kernel does not watch (no watch left, network file "
            "systems).",
            0.01,
            3600,
        ),
    ] = 0.25
    watches: Annotated[
        int,
        _count(
            "Files and directories watched by inotify; others are polled. The kernel's own limit, "
            "fs.inotify.max_user_watches, is shared with all programs of the user. 0: only poll.",
        ),
    ] = 8192
    sources: Annotated[
        int,
        _count(
            "Files that patterns may match in all; what is beyond is reported, not followed.", 1
        ),
    ] = 10_000
    open_files: Annotated[
        int,
        _count(
            "Log files held open; idle ones are closed and found again. Less where RLIMIT_NOFILE "
            "says so.",
            4,
        ),
    ] = 1024
    retire_quiet: Annotated[
        float,
        _seconds(
            "A rotated file is complete when nothing was written to it for so long, where it "
            "cannot be proven that nobody has it open for writing: programs reopen their log "
            "seconds later.",
            0,
        ),
    ] = 10.0
    retire_max: Annotated[
        float,
        _seconds(
            "A rotated file that is still written to is followed no longer than this: its "
            "writer has forgotten to reopen it.",
            0,
        ),
    ] = 3600.0
    hold_deleted: Annotated[
        float,
        _seconds(
            "A deleted file that a slow client still reads is held no longer than this: its "
            "space on the disk is not free until then.",
            0,
        ),
    ] = 600.0
    lag_bytes: Annotated[
        int,
        _size(
            "A client farther behind than this skips to the end, with a gap. 0: never, for the "
            "file waits as long as it exists."
        ),
    ] = 0
    archive_memory: Annotated[
        int,
        _size(
            "Memory for places in compressed archives, so that paging back does not unpack them "
            "from the start each time.",
            1 << 20,
        ),
    ] = 64 << 20


class Clients(Section, frozen=True):
    """What one connection, and all of them, may ask of the daemon."""

    connections: Annotated[
        int, _count("Open connections in all; more are answered 503, or closed with 1013.", 1)
    ] = 10_000
    connections_per_address: Annotated[
        int, _count("The same for one address. 0: no limit, for a proxy is one address.")
    ] = 0
    request_head: Annotated[
        int, _size("An HTTP request's line and headers: what browsers keep to.", 1024, 1 << 20)
    ] = 16 << 10
    request_body: Annotated[
        int, _size("An HTTP request's body: a token, or a download's filters.", 1024, 1 << 20)
    ] = 64 << 10
    request_timeout: Annotated[
        float,
        _seconds("A request that is not complete by then is dropped: it may never be.", 0.1),
    ] = 10.0
    idle_timeout: Annotated[
        float,
        _seconds("An HTTP connection without a request is closed after this.", 0.1),
    ] = 60.0
    logins: Annotated[
        int,
        _count("Wrong tokens that one address may try in a minute: nobody mistypes faster.", 1),
    ] = 5
    message_bytes: Annotated[
        int,
        _size(
            "A message from a client, inflated: a resume of a thousand sources fits.",
            125,
            64 << 20,
        ),
    ] = 256 << 10
    fragments: Annotated[
        int,
        _count(
            "Frames of one message. Browsers send one; a thousand empty ones are cheap to send.",
            1,
        ),
    ] = 64
    commands_per_second: Annotated[
        int,
        _count(
            "Commands from one client over any ten seconds, on average: faster than any "
            "finger, and a page that opens twenty panes.",
            1,
        ),
    ] = 50
    subscriptions: Annotated[
        int,
        _count("Sources that one client may be subscribed to, those of a glob included.", 1),
    ] = 1000
    turn_bytes: Annotated[
        int,
        _size("Sent to one client before the next one has its turn.", 4096, 64 << 20),
    ] = 256 << 10
    send_buffer: Annotated[
        int,
        _size(
            "SO_SNDBUF: what the kernel may hold for a client that does not read. 0: the "
            "kernel's choice, up to 4 MiB.",
            0,
            64 << 20,
        ),
    ] = 256 << 10
    notsent_lowat: Annotated[
        int,
        _size("TCP_NOTSENT_LOWAT: less waits in the kernel, so a skip or a stop shows at once.", 0),
    ] = 128 << 10
    ping_after: Annotated[
        float,
        _seconds("A silent client is pinged after this; proxies close at 30 to 60 s.", 0.1),
    ] = 25.0
    ping_timeout: Annotated[
        float,
        _seconds("A client that does not answer a ping by then is gone.", 0.1),
    ] = 20.0
    close_timeout: Annotated[
        float,
        _seconds("How long a closing handshake may take before the socket is cut.", 0),
    ] = 5.0
    stop_grace: Annotated[
        float,
        _seconds("How long a stopping daemon lets streams empty; a page resumes anyway.", 0, 300),
    ] = 3.0


class Search(Section, frozen=True):
    """What looking through whole logs may cost the others."""

    slice_bytes: Annotated[
        int,
        _size("Searched in one turn of the loop: some milliseconds.", 64 << 10, 64 << 20),
    ] = 1 << 20
    at_once: Annotated[
        int, _count("Searches of one client at once; further ones wait.", 1, 1000)
    ] = 4
    hits: Annotated[
        int,
        _count("The most hits that one search reports; a person narrows it down.", 1, 1_000_000),
    ] = 10_000


class Limits(Section, frozen=True):
    """Every bound. The defaults suit a small server; each says why."""

    lines: Annotated[Lines, _text("From file to message.", "section")] = Lines()
    files: Annotated[Files, _text("Reading and watching.", "section")] = Files()
    clients: Annotated[Clients, _text("Connections.", "section")] = Clients()
    search: Annotated[Search, _text("Find, jump to a time, the map.", "section")] = Search()


class Log(Section, frozen=True):
    """What the daemon says about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _text("How much: `info` is one line for each event of its life, none for a line of a log."),
    ] = "info"
    format: Annotated[
        Literal["auto", "text", "json"],
        _text("`auto` is the journal's own form under systemd, and text elsewhere."),
    ] = "auto"
    access: Annotated[
        str,
        _text(
            "The access log: a file, relative to the config file; `stderr`, or `none`.",
            "log-target",
        ),
    ] = "none"


class Webhook(Section, frozen=True):
    """A POST of JSON. The short form is the URL alone."""

    url: Annotated[str, _text("`http` or `https`.", "url")]
    timeout: Annotated[float, _seconds("How long an answer may take.", 0.1, 300)] = 10.0
    attempts: Annotated[
        int, _count("Tries before it is given up and logged, each twice as late.", 1, 20)
    ] = 5


class Rule(Section, frozen=True):
    """Tell when a line matches."""

    name: Annotated[str, _text("What the event is called.", "word")]
    pattern: Annotated[str, _text("What to look for, in RE2 syntax.", "regex")]
    sources: Annotated[
        tuple[NameGlob, ...], _text("Where: globs over source names (`*`, `**`, `?`).", "list")
    ] = ("**",)
    every: Annotated[
        float, _seconds("At most one event in this time; it counts the others.", 0)
    ] = 10.0
    webhook: Annotated[
        Webhook | None, _text("Called for each event; pages get it in any case.", "section")
    ] = None


class Page(Section, frozen=True):
    """What the page shows beside the logs."""

    title: Annotated[
        str, _text("Beside the mark and in the tab. Empty: the machine's name.", "line")
    ] = ""
    views: Annotated[
        dict[str, str],
        _text("Saved views: a name, and the part of the page's address from `#` on."),
    ] = {}


class Config(Section, frozen=True):
    """What stands at the left edge of the file."""

    listen: Annotated[
        tuple[Listen, ...],
        _text("Where browsers connect. Loopback only, until somebody decides otherwise.", "list"),
    ] = (Listen(address="127.0.0.1:3368"),)
    access: Annotated[Access, _text("Who may see what.", "section")] = Access()
    sources: Annotated[tuple[Source, ...], _text("What to follow.", "list")] = ()
    rules: Annotated[tuple[Rule, ...], _text("When to raise an event.", "list")] = ()
    page: Annotated[Page, _text("The page.", "section")] = Page()
    log: Annotated[Log, _text("The daemon's own log.", "section")] = Log()
    limits: Annotated[Limits, _text("Bounds.", "section")] = Limits()
