"""docs/protocol.md says what the program does: the program reads its examples."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from tailws import messages
from tailws.messages import BadCommand, Head, parse
from tailws.messages.commands import TYPES
from tailws.ws import CloseCode

DOC = (Path(__file__).parent.parent / "docs/protocol.md").read_text()
HEADS: dict[str, type[Head]] = {
    str(info.tag): kind
    for kind in Head.__subclasses__()
    if isinstance(info := msgspec.inspect.type_info(kind), msgspec.inspect.StructType)
}


def blocks(language: str) -> Iterator[str]:
    """Yield the fenced blocks of a language."""
    for found in re.finditer(rf"(?ms)^```{language}\n(.*?)^```$", DOC):
        yield found[1]


COMMANDS = [line for block in blocks("json command") for line in block.splitlines()]
MESSAGES = [line for block in blocks("json head") for line in block.splitlines()] + [
    block.removesuffix("\n") for block in blocks("text message")
]


def rows(heading: str) -> list[str]:
    """Return the first cells of the table below a heading, code marks taken off."""
    section = re.search(rf"(?ms)^#+ {heading}\n(.*?)(?=^#|\Z)", DOC)
    assert section is not None, heading
    cells = re.findall(r"(?m)^\| ([^|]*?) \|", section[1])
    return [word for cell in cells[1:] for word in cell.replace("`", "").split(", ")]


@pytest.mark.parametrize("text", COMMANDS)
def test_each_command_of_the_text_is_understood(text: str) -> None:
    """Who copies an example from the documentation gets no error."""
    command = parse(text)
    filters = [getattr(command, name, None) for name in ("filter", "wanted")]
    for make in filters:
        if make is not None:
            make()


def test_every_command_and_key_has_an_example() -> None:
    """Nothing that can be said is left out of the text."""
    shown: dict[str, set[str]] = {}
    for text in COMMANDS:
        tree = json.loads(text)
        shown.setdefault(tree.pop("type"), set()).update(tree)
    missing = {
        name: keys
        for name, kind in TYPES.items()
        if (
            keys := {field.encode_name for field in msgspec.structs.fields(kind)}
            - shown.get(name, set())
            - {"id", "include", "exclude", "records"}
        )
    }
    assert set(shown) == set(TYPES)
    assert missing == {}


@pytest.mark.parametrize("text", MESSAGES)
def test_each_head_of_the_text_is_one_that_the_daemon_writes(text: str) -> None:
    """An example has the keys, types and form of the real thing, and no others."""
    head, _, body = text.partition("\n")
    tree: dict[str, Any] = json.loads(head)
    kind = HEADS[tree["type"]]
    read = msgspec.json.decode(head, type=kind)
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert set(tree) - {"type"} <= known
    assert json.loads(messages.encode(read)) == tree
    assert not body or tree["type"] in ("lines", "history", "match")


def test_every_head_and_key_has_an_example() -> None:
    """Nothing that the daemon may say is left out of the text: keys in an example or a table."""
    shown: dict[str, set[str]] = {}
    for text in MESSAGES:
        tree = json.loads(text.partition("\n")[0])
        shown.setdefault(tree.pop("type"), set()).update(tree)
    assert set(shown) == set(HEADS)
    told = {"lines": set(rows("`lines`"))}
    for name, kind in HEADS.items():
        keys = {field.encode_name for field in msgspec.structs.fields(kind)}
        assert keys - shown[name] - told.get(name, set()) == set(), name


def test_the_error_codes_are_those_of_the_program() -> None:
    """Programs compare codes: the table is complete, and names no other."""
    assert rows("`error`") == list(get_args(messages.ErrorCode))


def test_the_close_codes_are_those_of_the_program() -> None:
    """Every code that the daemon can close with is explained."""
    told = set(map(int, rows("Closing")))
    never_on_the_wire = {1005, 1006, 1015}  # RFC 6455, section 7.4.1
    not_ours = {1010, 1012, 1014}  # a client's, a restart's (1001 says it), a gateway's
    assert {int(code) for code in CloseCode} - never_on_the_wire - not_ours <= told


def test_a_wrong_example_would_be_noticed() -> None:
    """The tests above can fail."""
    with pytest.raises(BadCommand):
        parse(COMMANDS[0].replace("lines", "lnes"))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(
            '{"type":"gap","source":"a","bytes":"x","reason":"y"}', type=HEADS["gap"]
        )
    assert len(COMMANDS) > 15
    assert len(MESSAGES) > 20


def test_the_script_of_the_text_resumes_by_cursor() -> None:
    """The client that the text shows runs as it stands, and after a cut asks for what follows."""
    (script,) = blocks("python")
    asked: list[dict[str, Any]] = []

    async def play() -> list[str]:
        done = asyncio.Event()

        async def speak(ws: ServerConnection) -> None:
            assert ws.request is not None
            assert ws.request.headers["Authorization"] == "Bearer t"
            await ws.send('{"type":"hello","version":"1","sources":[],"features":[]}')
            asked.append(json.loads(await ws.recv()))
            n = len(asked)
            await ws.send(f'{{"type":"subscribed","source":"syslog","cursor":"c{n}"}}')
            if n != 2:
                head = f'{{"type":"lines","source":"syslog","start":"c{n}","end":"e{n}"}}'
                await ws.send(f"{head}\none {n}\n\n{{two}} {n}")
            if n == 3:
                await done.wait()

        async with serve(speak, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                script,
                stdout=subprocess.PIPE,
                env=os.environ | {"TAILWS_URL": f"ws://127.0.0.1:{port}/ws", "TAILWS_TOKEN": "t"},
            )
            assert process.stdout is not None
            lines = [(await process.stdout.readline()).decode() for _ in range(6)]
            process.kill()
            await process.communicate()
            done.set()
        return lines

    lines = asyncio.run(play())
    assert lines == ["one 1\n", "\n", "{two} 1\n", "one 3\n", "\n", "{two} 3\n"]
    where = [{"lines": 10}, {"cursor": "e1"}, {"cursor": "c2"}]
    assert asked == [{"type": "subscribe", "source": "syslog", **begin} for begin in where]
    for command in asked:
        parse(json.dumps(command))
