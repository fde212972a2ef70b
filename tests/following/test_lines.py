"""What is a line: only LF ends one, and nothing that a file may hold breaks the next one."""

from __future__ import annotations

import time

import pytest

from .logfile import fresh_line
from .rig import Rig


def test_line_in_two_writes(rig: Rig) -> None:
    """A line is sent when its LF is there, and in one piece."""
    log = rig.live()
    log.raw(b"half-A ")
    rig.expect_nothing(0.5)
    log.raw(b"half-B\n")
    rig.expect(["half-A half-B"])


def test_line_in_many_writes(rig: Rig) -> None:
    log = rig.live()
    for letter in b"slowly typed\nand another\n":
        log.raw(bytes([letter]))
        time.sleep(0.01)
    rig.expect(["slowly typed", "and another"])


def test_unended_line_of_a_live_file_waits(rig: Rig) -> None:
    """While its file lives, a line without its LF is not sent as a line, however old it is."""
    rig.limits = {"files": {"retire_quiet": 0.5}}
    log = rig.live().lines(1).raw(b"no end yet")
    rig.expect(log)
    rig.expect_nothing(2)
    log.raw(b", but now\n")
    rig.expect(log, ["no end yet, but now"])


def test_unended_line_is_sent_once_its_file_is_retired(rig: Rig) -> None:
    """The last line of a file that nobody writes any more is a line, LF or not: once."""
    rig.limits = {"files": {"retire_quiet": 1}}
    log = rig.live().lines(1)
    log.raw(b"the last words").close()
    rig.expect(log)
    new = log.rotate().lines(2)
    rig.expect(log, ["the last words"], new)
    rig.expect_nothing(1.5)


@pytest.mark.parametrize("frozen", [False, True])
def test_half_line_is_completed_after_the_rotation(rig: Rig, frozen: bool) -> None:
    """The old writer ends its line in the old file: it joins there, not with the new file."""
    log = rig.live()
    log.raw(b"first half ")
    if frozen:
        with rig.frozen():
            new = log.rotate(stays=True).lines(1)
            log.raw(b"second half\n")
            log.lines(1)
    else:
        rig.expect_nothing()
        new = log.rotate(stays=True).lines(1)
        rig.expect_nothing()
        log.raw(b"second half\n")
        log.lines(1)
    log.close()
    new.lines(1)
    rig.expect(["first half second half"], log, new)


def test_half_line_of_a_crash_is_not_glued_to_the_new_file(rig: Rig) -> None:
    rig.limits = {"files": {"retire_quiet": 1}}
    log = rig.live()
    log.raw(b"half").close()
    new = log.rotate().say("X")
    rig.expect(["half"], new)


def test_crlf(rig: Rig) -> None:
    """CR LF ends one line, also when CR and LF come in two writes."""
    log = rig.live()
    log.raw(b"one\r\ntwo\r")
    time.sleep(0.3)
    log.raw(b"\nthree\r\n\r\nfour\n")
    rig.client.until(lambda: len(rig.client.items["app"]) >= 5, "five lines")
    rig.client.items["app"] = [line.removesuffix("\r") for line in rig.client.lines("app")]
    rig.expect(["one", "two", "three", "", "four"])


def test_progress_bar(rig: Rig) -> None:
    """A lone CR is part of its line."""
    log = rig.live()
    for part in (b"10%\r", b"20%\r", b"done\n", b"next\n"):
        log.raw(part)
        time.sleep(0.05)
    rig.expect(["10%\r20%\rdone", "next"])


def test_nul_inside_a_line(rig: Rig) -> None:
    """NULs do not cut a line."""
    log = rig.live()
    log.raw(b"before\0after\n\0\0start\nplain\n")
    rig.client.until(lambda: len(rig.client.items["app"]) >= 3, "three lines")
    for shown in ("\\x00", "\N{SYMBOL FOR NULL}", "\N{REPLACEMENT CHARACTER}"):
        rig.client.items["app"] = [line.replace(shown, "\0") for line in rig.client.lines("app")]
    rig.expect(["before\0after", "\0\0start", "plain"])


def test_bytes_that_are_not_utf8(rig: Rig) -> None:
    """Stray bytes become U+FFFD; the connection and the next line are whole."""
    log = rig.live()
    log.raw(b"a\xffb\nna\xefve caf\xe9\n\xc3\n\xed\xa0\x80\n\xf5\x80\n")
    log.say("plain")
    rig.client.until(lambda: len(rig.client.items["app"]) >= 6, "six lines")
    assert rig.client.lines("app")[:3] == ["a\ufffdb", "na\ufffdve caf\ufffd", "\ufffd"]
    assert set("".join(rig.client.lines("app")[3:5])) == {"\ufffd"}
    assert rig.client.lines("app")[5:] == ["plain"]


@pytest.mark.parametrize("character", ["é", "€", "😀"])
def test_character_cut_between_two_writes(rig: Rig, character: str) -> None:
    log = rig.live()
    data = character.encode()
    for cut in range(1, len(data)):
        log.raw(b"<" + data[:cut])
        time.sleep(0.1)
        log.raw(data[cut:] + b">\n")
    rig.expect([f"<{character}>"] * (len(data) - 1))


@pytest.mark.parametrize("shift", range(4))
def test_character_across_the_edge_of_a_read(rig: Rig, shift: int) -> None:
    """Wherever a reader's own block ends, characters stay whole."""
    text = "." * shift + "😀" * 100_000
    log = rig.live()
    log.say(text, "between", text)
    rig.expect(log)


@pytest.mark.parametrize("encoding", ["auto", "utf-16le", "utf-16be"])
def test_utf16(rig: Rig, encoding: str) -> None:
    """Told, or known by its byte order mark: cut and decoded as that; 0A in a unit is no LF."""
    log = rig.file()
    codec = "utf-16-be" if encoding == "utf-16be" else "utf-16-le"
    log.raw("\ufeffold line\r\n".encode(codec))
    rig.follow("app.log", encoding=encoding)
    rig.up()
    for line in ("plain", "Ċ and 😀 and 上", "last"):
        log.raw(f"{line}\r\n".encode(codec))
    rig.client.until(lambda: len(rig.client.items["app"]) >= 3, "three lines")
    rig.client.items["app"] = [line.removesuffix("\r") for line in rig.client.lines("app")]
    rig.expect(["plain", "Ċ and 😀 and 上", "last"])


@pytest.mark.parametrize("megabytes", [1, 10])
def test_over_long_line(rig: Rig, megabytes: int) -> None:
    """A line beyond the limit comes whole or as one shortened piece; its neighbours are whole."""
    log = rig.live()
    rig.connect()
    log.say("before", "x" * (megabytes << 20), "after")
    rig.client.until(lambda: "after" in rig.client.items["app"], "the line after")
    for client in rig.clients:
        client.until(lambda c=client: "after" in c.items["app"], "the line after")
        before, long, after = client.lines("app")
        assert (before, after) == ("before", "after")
        assert set(long[:1000]) == {"x"}
        assert not client.gaps("app")


def test_over_long_line_that_grows_slowly(rig: Rig) -> None:
    """The limit holds as well when the long line comes in many writes; one piece goes out."""
    log = rig.live()
    for _ in range(30):
        log.raw(b"y" * 200_000)
        time.sleep(0.01)
    log.raw(b"\n").say("after")
    rig.client.until(lambda: "after" in rig.client.items["app"], "the line after")
    first, after = rig.client.lines("app")
    assert set(first[:1000]) == {"y"}
    assert after == "after"


def test_empty_lines(rig: Rig) -> None:
    """Every empty line counts."""
    log = rig.live()
    log.say("", "", "", "a", "", "b", "", "")
    rig.expect(log)


def test_other_separators_end_no_line(rig: Rig) -> None:
    """Only LF ends a line: not VT, FF, FS, GS, RS, U+0085, U+2028 or U+2029."""
    log = rig.live()
    log.say(*(f"a{mark}b" for mark in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"))
    rig.expect(log)


def test_markup_and_control_characters(rig: Rig) -> None:
    """Text arrives as it was written: markup, quotes, escapes, blanks at both ends."""
    log = rig.live()
    log.say(
        "<script>alert('x')</script>",
        '"quoted" \\back\\slash\\ {"json":1}',
        "\x1b[31mred\x1b[0m \x1b]0;title\x07",
        "\b\x7f\x01\x02",
        "\tleading and trailing \t ",
        "  ",
        '{"type":"lines","source":"app"}',
    )
    rig.expect(log)


def test_lengths_around_powers_of_two(rig: Rig) -> None:
    log = rig.live()
    for size in (1, 4095, 4096, 4097, 65535, 65536, 65537, 131071, 131072, 131073, 262144):
        log.say("z" * size, fresh_line())
    rig.expect(log)


def test_byte_order_mark_of_a_new_file(rig: Rig) -> None:
    """A UTF-8 byte order mark belongs to the file, not to its first line."""
    rig.awaited()
    log = rig.file()
    log.raw(b"\xef\xbb\xbffirst\nsecond\n")
    rig.client.until(lambda: len(rig.client.items["app"]) >= 2, "two lines")
    rig.client.items["app"][0] = rig.client.lines("app")[0].removeprefix("\ufeff")
    rig.expect(["first", "second"])


def test_half_a_million_tiny_lines(rig: Rig) -> None:
    """1 MB of two-byte lines goes out in a few large messages."""
    log = rig.live()
    log.raw(b"x\n" * 500_000)
    rig.client.until(lambda: len(rig.client.items["app"]) >= 500_000, "all lines")
    rig.expect(["x"] * 500_000)
    assert rig.client.messages < 1000


def test_equal_lines(rig: Rig) -> None:
    """Lines with the same text are as many lines as were written."""
    log = rig.live()
    log.say(*["the same"] * 1000)
    rig.expect(log)


def test_empty_file_at_start(rig: Rig) -> None:
    log = rig.live(old=0)
    log.lines(3)
    rig.expect(log)


def test_unended_line_at_start(rig: Rig) -> None:
    """Followed from its end: the line that was unfinished then is sent whole once it ends."""
    log = rig.file().raw(b"an old line\nstarted before ")
    rig.follow("app.log")
    rig.up()
    log.raw(b"and ended after\n")
    log.lines(1)
    rig.expect(["started before and ended after"], log)


def test_from_the_start(rig: Rig) -> None:
    """`"from": "start"` brings all that is in the live file, then each new line."""
    log = rig.file().lines(1000)
    rig.follow("app.log")
    rig.start()
    rig.connect(**{"from": "start"})
    log.lines(10)
    rig.expect(log)


@pytest.mark.parametrize("count", [0, 1, 10, 5000])
def test_last_lines(rig: Rig, count: int) -> None:
    """`"lines": N` brings the last N that are there, or all if there are fewer."""
    log = rig.file().lines(1000)
    rig.follow("app.log")
    rig.start()
    rig.connect(lines=count)
    due = log.owed[len(log.owed) - min(count, 1000) :]
    log.forget().lines(2)
    rig.expect(due, log)
