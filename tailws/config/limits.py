"""Every bound of the daemon, with its default and the reason for it."""

from typing import Annotated

from tailws.config.fields import Section, count, seconds, size, text


class Lines(Section, frozen=True):
    """How lines are cut and gathered on their way to the browsers."""

    window: Annotated[
        float,
        seconds(
            "Under load at most one batch leaves a source in this time; the first one after a "
            "pause goes at once. Nobody sees 50 ms, and it costs a ninth of the CPU. 0: never "
            "wait.",
            0,
            5,
        ),
    ] = 0.05
    window_blocks: Annotated[
        int,
        count(
            "Recent blocks that each source keeps encoded for all its subscribers. 0: each reads "
            "the file itself.",
            0,
            65_536,
        ),
    ] = 64
    window_bytes: Annotated[
        int,
        size(
            "The memory that these blocks may take for each source. Two full ones and their frames "
            "fit in.",
            0,
            2**30,
        ),
    ] = 260 << 10
    block_bytes: Annotated[
        int,
        size(
            "How much is read, encoded and sent as one message; nearly twice as much where a file "
            "grows faster than that. Larger ones delay other clients.",
            4096,
            1 << 20,
        ),
    ] = 64 << 10
    line_bytes: Annotated[
        int,
        size(
            "A longer line is shortened and marked: it would fill the memory of every page.",
            1024,
            16 << 20,
        ),
    ] = 512 << 10
    first_lines: Annotated[
        int,
        count(
            "The last lines that a subscription begins with unless it says how many: some screens."
        ),
    ] = 200
    max_lines: Annotated[
        int,
        count(
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
        size("Read from one file before the next one has its turn.", 64 << 10, 64 << 20),
    ] = 1 << 20
    poll: Annotated[
        float,
        seconds(
            "Every file is looked at in this time whatever the kernel says: notifications get "
            "lost.",
            0.1,
            3600,
        ),
    ] = 2.0
    poll_fast: Annotated[
        float,
        seconds(
            "The same for files that the kernel does not watch (no watch left, network file "
            "systems).",
            0.01,
            3600,
        ),
    ] = 0.25
    watches: Annotated[
        int,
        count(
            "Files and directories watched by inotify; others are polled. The kernel's own limit, "
            "fs.inotify.max_user_watches, is shared with all programs of the user. 0: only poll.",
        ),
    ] = 8192
    sources: Annotated[
        int,
        count("Files that patterns may match in all; what is beyond is reported, not followed.", 1),
    ] = 10_000
    open_files: Annotated[
        int,
        count(
            "Log files held open; idle ones are closed and found again. Less where RLIMIT_NOFILE "
            "says so.",
            4,
        ),
    ] = 1024
    retire_quiet: Annotated[
        float,
        seconds(
            "A rotated file is complete when nothing was written to it for so long, where it "
            "cannot be proven that nobody has it open for writing: programs reopen their log "
            "seconds later.",
            0,
        ),
    ] = 10.0
    retire_max: Annotated[
        float,
        seconds(
            "A rotated file that is still written to is followed no longer than this: its "
            "writer has forgotten to reopen it.",
            0,
        ),
    ] = 3600.0
    hold_deleted: Annotated[
        float,
        seconds(
            "A deleted file that a slow client still reads is held no longer than this: its "
            "space on the disk is not free until then.",
            0,
        ),
    ] = 600.0
    lag_bytes: Annotated[
        int,
        size(
            "A client farther behind than this skips to the end, with a gap. 0: never, for the "
            "file waits as long as it exists."
        ),
    ] = 0
    archive_memory: Annotated[
        int,
        size(
            "Memory for places in compressed archives, so that paging back does not unpack them "
            "from the start each time.",
            1 << 20,
        ),
    ] = 64 << 20


class Clients(Section, frozen=True):
    """What one connection, and all of them, may ask of the daemon."""

    connections: Annotated[
        int, count("Open connections in all; more are answered 503, or closed with 1013.", 1)
    ] = 10_000
    connections_per_address: Annotated[
        int, count("The same for one address. 0: no limit, for a proxy is one address.")
    ] = 0
    request_head: Annotated[
        int, size("An HTTP request's line and headers: what browsers keep to.", 1024, 1 << 20)
    ] = 16 << 10
    request_body: Annotated[
        int, size("An HTTP request's body: a token, or a download's filters.", 1024, 1 << 20)
    ] = 64 << 10
    request_timeout: Annotated[
        float,
        seconds("A request that is not complete by then is dropped: it may never be.", 0.1),
    ] = 10.0
    idle_timeout: Annotated[
        float,
        seconds("An HTTP connection without a request is closed after this.", 0.1),
    ] = 60.0
    logins: Annotated[
        int,
        count("Wrong tokens that one address may try in a minute: nobody mistypes faster.", 1),
    ] = 5
    message_bytes: Annotated[
        int,
        size(
            "A message from a client, inflated: a resume of a thousand sources fits.",
            125,
            64 << 20,
        ),
    ] = 256 << 10
    fragments: Annotated[
        int,
        count(
            "Frames of one message. Browsers send one; a thousand empty ones are cheap to send.",
            1,
        ),
    ] = 64
    commands_per_second: Annotated[
        int,
        count(
            "Commands from one client over any ten seconds, on average: faster than any "
            "finger, and a page that opens twenty panes.",
            1,
        ),
    ] = 50
    subscriptions: Annotated[
        int,
        count(
            "Sources that one client may be subscribed to, those of a glob included: as many as "
            "patterns may match.",
            1,
        ),
    ] = 10_000
    turn_bytes: Annotated[
        int,
        size("Sent to one client before the next one has its turn.", 4096, 64 << 20),
    ] = 256 << 10
    send_buffer: Annotated[
        int,
        size(
            "SO_SNDBUF: what the kernel may hold for a client that does not read. 0: the "
            "kernel's choice, up to 4 MiB.",
            0,
            64 << 20,
        ),
    ] = 256 << 10
    notsent_lowat: Annotated[
        int,
        size("TCP_NOTSENT_LOWAT: less waits in the kernel, so a skip or a stop shows at once.", 0),
    ] = 128 << 10
    ping_after: Annotated[
        float,
        seconds("A silent client is pinged after this; proxies close at 30 to 60 s.", 0.1),
    ] = 25.0
    ping_timeout: Annotated[
        float,
        seconds("A client that does not answer a ping by then is gone.", 0.1),
    ] = 20.0
    close_timeout: Annotated[
        float,
        seconds("How long a closing handshake may take before the socket is cut.", 0),
    ] = 5.0
    stop_grace: Annotated[
        float,
        seconds(
            "How long a stopping daemon lets streams empty: Ctrl-C ends it within a second, and a "
            "page resumes anyway.",
            0,
            300,
        ),
    ] = 0.5


class Search(Section, frozen=True):
    """What looking through whole logs may cost the others."""

    slice_bytes: Annotated[
        int,
        size("Searched in one turn of the loop: some milliseconds.", 64 << 10, 64 << 20),
    ] = 1 << 20
    at_once: Annotated[
        int, count("Searches of one client at once; further ones wait.", 1, 1000)
    ] = 4
    hits: Annotated[
        int,
        count("The most hits that one search reports; a person narrows it down.", 1, 1_000_000),
    ] = 10_000


class Limits(Section, frozen=True):
    """Every bound. The defaults suit a small server; each says why."""

    lines: Annotated[Lines, text("From file to message.", "section")] = Lines()
    files: Annotated[Files, text("Reading and watching.", "section")] = Files()
    clients: Annotated[Clients, text("Connections.", "section")] = Clients()
    search: Annotated[Search, text("Find, jump to a time, the map.", "section")] = Search()
