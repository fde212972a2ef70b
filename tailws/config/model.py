"""What can be configured: frozen structures with each key's default, bounds and reason.

Here, and for bounds in `limits`, is the one place where a default stands. The loader, the JSON
schema, the reference and the example are all made from it. After loading, durations are seconds
(float), sizes are bytes (int), paths are absolute.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from tailws.config.fields import Section, count, seconds, text
from tailws.config.limits import Limits

PathGlob = Annotated[str, Meta(extra={"kind": "path-glob"})]
ExcludeGlob = Annotated[str, Meta(extra={"kind": "exclude-glob"})]
Directory = Annotated[str, Meta(extra={"kind": "path"})]
NameGlob = Annotated[str, Meta(extra={"kind": "name-glob"})]
Encoding = Literal["auto", "utf-8", "utf-16le", "utf-16be", "latin-1"]
Format = Literal["auto", "plain", "json", "logfmt", "syslog", "access", "cri", "docker"]


class Tls(Section, frozen=True):
    """A certificate of one's own; a reload reads it anew."""

    certificate: Annotated[
        str, text("The certificate and those between it and the root, in PEM.", "path")
    ]
    key: Annotated[
        str,
        text(
            "Its private key, in PEM. What systemd passes is "
            "`/run/credentials/tailws.service/tailws.key`.",
            "path",
        ),
    ]


class Listen(Section, frozen=True):
    """Where browsers connect. The short form is the address alone."""

    address: Annotated[
        str,
        text("`127.0.0.1:3368`, `[::1]:3368`, `localhost:3368` or `unix:/path`.", "address"),
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
        str, text("Group of a Unix socket; without one the daemon's own stays.", "word")
    ] = ""
    tls: Annotated[
        Tls | None, text("HTTPS without a proxy. Without it: plain HTTP.", "section")
    ] = None

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
        text(
            "How pages call it. A path without a wildcard is the source `NAME`; a match of a "
            "pattern is `NAME/` and its path relative to the pattern's fixed part.",
            "source-name",
        ),
    ]
    path: Annotated[
        tuple[PathGlob, ...],
        text(
            "A path or a list of paths, relative to the config file. Wildcards: `*`, `?`, `[..]`, "
            "and `**` for any number of directories. A file that several match gets the name "
            "that the first of them gives.",
            "list",
        ),
    ]
    exclude: Annotated[
        tuple[ExcludeGlob, ...],
        text(
            "Patterns of paths to leave out. One without a slash is compared with the file's name.",
            "list",
        ),
    ] = ()
    archives: Annotated[
        tuple[Directory, ...],
        text(
            "Directories where rotated files are kept, if not beside the log (logrotate's "
            "`olddir`). `app.log.1`, `app.log-20261122.gz` and the like in the log's own "
            "directory are found without it.",
            "list",
        ),
    ] = ()
    encoding: Annotated[
        Encoding,
        text("How the file is written. `auto` is UTF-8, or UTF-16 where a byte order mark says."),
    ] = "auto"
    timezone: Annotated[
        str,
        text(
            "The zone of times that name none: `Europe/Berlin`, `UTC`, `+02:00`; `local` is the "
            "machine's.",
            "timezone",
        ),
    ] = "local"
    time_format: Annotated[
        str,
        text(
            "How the lines write their times, as for strptime(3): `%d.%m.%Y %H:%M:%S`. `auto` "
            "knows the usual forms.",
            "time-format",
        ),
    ] = "auto"
    format: Annotated[
        Format,
        text("How lines are built. `auto` looks at the lines; `plain` never takes them apart."),
    ] = "auto"


class Token(Section, frozen=True):
    """One secret that opens the page. It has one of `token`, `file` and `credential`."""

    name: Annotated[
        str, text("Whose token it is, for the access log and the list of sessions.", "word")
    ]
    token: Annotated[
        str, text("The secret itself; then nobody else may read the config file.", "secret")
    ] = ""
    file: Annotated[str, text("A file whose first line is the secret.", "path")] = ""
    credential: Annotated[
        str, text("The name of a systemd credential (`LoadCredential=`) that holds it.", "word")
    ] = ""
    sources: Annotated[
        tuple[NameGlob, ...],
        text("What it may see: globs over source names (`*`, `**`, `?`).", "list"),
    ] = ("**",)


class Access(Section, frozen=True):
    """Who may see the logs. `access: none` is short for `access: {tokens: none}`."""

    tokens: Annotated[
        tuple[Token, ...] | Literal["none"],
        text(
            "The tokens that are accepted. Without this key a random one is made at each start "
            "and printed; `none` lets everybody in who reaches the address.",
            "list",
        ),
    ] = ()
    session: Annotated[
        float,
        seconds(
            "How long a browser stays signed in without coming back: a month of weekends away.",
            60,
            366 * 86_400,
        ),
    ] = 30 * 86_400.0
    hosts: Annotated[
        tuple[str, ...],
        text(
            "Further names under which the daemon is reached: `logs.example.org`, or "
            "`*.example.org`. Requests for other names are refused, which stops DNS rebinding; "
            "addresses and `localhost` are always allowed.",
            "host",
        ),
    ] = ()
    origins: Annotated[
        tuple[str, ...],
        text(
            "Further pages that may open the WebSocket, as `https://host`. The daemon's own is "
            "always allowed.",
            "origin",
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        text(
            "Addresses or networks whose `Forwarded` and `X-Forwarded-*` headers are believed; "
            "`unix` for whoever connects through a Unix socket.",
            "network",
        ),
    ] = ()
    base_path: Annotated[
        str, text("The path under which a proxy shows the page, such as `/logs`.", "base-path")
    ] = ""
    metrics: Annotated[
        Literal["token", "open", "off"],
        text("Who may read `/metrics`: it names every source, so a token is asked for."),
    ] = "token"
    health: Annotated[
        Literal["token", "open", "off"],
        text("Who may read `/healthz`: it says no more than well or not well."),
    ] = "open"

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the address is let in."""
        return self.tokens == "none"


class Log(Section, frozen=True):
    """What the daemon says about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        text("How much: `info` is one line for each event of its life, none for a line of a log."),
    ] = "info"
    format: Annotated[
        Literal["auto", "text", "json"],
        text("`auto` is the journal's own form under systemd, and text elsewhere."),
    ] = "auto"
    access: Annotated[
        str,
        text(
            "The access log: a file, relative to the config file; `stderr`, or `none`.",
            "log-target",
        ),
    ] = "none"


class Webhook(Section, frozen=True):
    """A POST of JSON. The short form is the URL alone."""

    url: Annotated[str, text("`http` or `https`.", "url")]
    timeout: Annotated[float, seconds("How long an answer may take.", 0.1, 300)] = 10.0
    attempts: Annotated[
        int, count("Tries before it is given up and logged, each twice as late.", 1, 20)
    ] = 5


class Rule(Section, frozen=True):
    """Tell when a line matches."""

    name: Annotated[str, text("What the event is called.", "word")]
    pattern: Annotated[str, text("What to look for, in RE2 syntax.", "regex")]
    sources: Annotated[
        tuple[NameGlob, ...], text("Where: globs over source names (`*`, `**`, `?`).", "list")
    ] = ("**",)
    every: Annotated[float, seconds("At most one event in this time; it counts the others.", 0)] = (
        10.0
    )
    webhook: Annotated[
        Webhook | None, text("Called for each event; pages get it in any case.", "section")
    ] = None


class Page(Section, frozen=True):
    """What the page shows beside the logs."""

    title: Annotated[
        str, text("Beside the mark and in the tab. Empty: the machine's name.", "line")
    ] = ""
    views: Annotated[
        dict[str, str],
        text("Saved views: a name, and the part of the page's address from `#` on."),
    ] = field(default_factory=dict)


class Config(Section, frozen=True):
    """What stands at the left edge of the file."""

    listen: Annotated[
        tuple[Listen, ...],
        text("Where browsers connect. Loopback only, until somebody decides otherwise.", "list"),
    ] = (Listen(address="127.0.0.1:3368"),)
    access: Annotated[Access, text("Who may see what.", "section")] = Access()
    sources: Annotated[tuple[Source, ...], text("What to follow.", "list")] = ()
    rules: Annotated[tuple[Rule, ...], text("When to raise an event.", "list")] = ()
    page: Annotated[Page, text("The page.", "section")] = Page()
    log: Annotated[Log, text("The daemon's own log.", "section")] = Log()
    limits: Annotated[Limits, text("Bounds.", "section")] = Limits()
