"""Commands are parsed strictly and refused in a sentence; heads are one line of JSON."""

import json
import os
from typing import Any, get_args
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tailws import messages, names
from tailws.messages import (
    BadCommand,
    Find,
    GapHead,
    Head,
    HelloHead,
    History,
    LinesHead,
    Opening,
    SourceInfo,
    Subscribe,
    encode,
    from_query,
    parse,
)
from tailws.messages.commands import TYPES
from tailws.text.match import Filter


def said(text: str | bytes) -> str:
    """Return the sentence that a wrong command is answered with."""
    with pytest.raises(BadCommand) as caught:
        parse(text)
    assert caught.value.code == "bad-message"
    return caught.value.message


# Commands


def test_subscribe_in_all_its_forms() -> None:
    """Where to begin is said in one of four ways, or left to the daemon."""
    assert parse('{"type":"subscribe","source":"a"}') == Subscribe(source="a")
    assert parse('{"type":"subscribe","source":"a","lines":0}') == Subscribe(source="a", lines=0)
    assert parse(b'{"type":"subscribe","source":"a","cursor":"c"}') == Subscribe(
        source="a", cursor="c"
    )
    assert parse('{"type":"subscribe","source":"a","from":"start"}') == Subscribe(
        source="a", start="start"
    )
    glob = parse('{"type":"subscribe","source":"a/*","cursors":{"a/b":"c"}}')
    assert glob == Subscribe(source="a/*", cursors={"a/b": "c"})
    assert glob.is_glob


def test_null_is_the_same_as_nothing() -> None:
    """Programs that write every key may write null for those they do not use."""
    command = parse(
        '{"type":"subscribe","source":"a","cursor":null,"lines":3,"from":null,"include":null}'
    )
    assert command == Subscribe(source="a", lines=3)


def test_filters_in_all_their_forms() -> None:
    """One pattern, a list, objects: the same filter is the same object, to be shared."""
    one = parse('{"type":"subscribe","source":"a","include":"x","exclude":["y"]}')
    same = parse(
        '{"type":"history","source":"b","before":"c","include":[{"pattern":"x"}],"exclude":"y"}'
    )
    assert isinstance(one, Subscribe)
    assert isinstance(same, History)
    wanted = one.filter()
    assert wanted is same.filter() is Filter.of(["x"], ["y"])
    plain = parse('{"type":"subscribe","source":"a","include":[]}')
    assert isinstance(plain, Subscribe)
    assert plain.filter() is None


def test_find_takes_a_pattern_or_a_term() -> None:
    """What is looked for is written as in a filter."""
    text = parse('{"type":"find","id":1,"source":"a","pattern":"a.b"}')
    term = parse('{"type":"find","id":1,"source":"a","pattern":{"pattern":"a.b","fixed":true}}')
    assert isinstance(text, Find)
    assert isinstance(term, Find)
    assert text.wanted().take(b"axb\na.b\n").shown == 2
    assert term.wanted().take(b"axb\na.b\n").shown == 1


@pytest.mark.parametrize("terms", ['"(("', '{"level":"loud"}', "{}", '{"where":"status"}'])
def test_a_bad_pattern_is_told_by_its_own_code(terms: str) -> None:
    """The page marks the chip that is wrong, so it must know that it was the pattern."""
    command = parse('{"type":"subscribe","id":"f1","source":"a","include":[' + terms + "]}")
    assert isinstance(command, Subscribe)
    with pytest.raises(BadCommand) as caught:
        command.filter()
    assert (caught.value.code, caught.value.id) == ("bad-pattern", "f1")


KNOWN = ", ".join(TYPES)
OBJECT = 'A command is a JSON object with a "type".'
JSON = 'This is not JSON; a command is one JSON object with a "type".'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", JSON),
        ("hello", JSON),
        ("\0", JSON),
        ("{", JSON),
        ('{"type":"ping"} {"type":"ping"}', JSON),
        ('{"type":"ping","id":NaN}', JSON),
        ("[" * 100_000, OBJECT),
        ('{"type":"stop","id":' + "[" * 100_000, JSON),
        ('{"type":"ping","x":' + "[" * 100_000 + "]" * 100_000 + "}", JSON),
        ('{"type":"subscribe","source":"\\ud800"}', JSON),
        ("[]", OBJECT),
        ("null", OBJECT),
        ('"subscribe"', OBJECT),
        ("{}", f'The "type" is missing. It is one of: {KNOWN}.'),
        ('{"type":null}', f'The "type" is missing. It is one of: {KNOWN}.'),
        ('{"type":1}', f'The "type" is a text, one of: {KNOWN}.'),
        (
            '{"type":"subscirbe"}',
            f"There is no command 'subscirbe'. Did you mean 'subscribe'? There are: {KNOWN}.",
        ),
        ('{"type":"tail"}', f"There is no command 'tail'. There are: {KNOWN}."),
        ('{"type":"subscribe"}', "subscribe: the key 'source' is missing."),
        (
            '{"type":"subscribe","source":"a","lnes":1}',
            "subscribe: there is no key 'lnes'; did you mean 'lines'?",
        ),
        (
            '{"type":"subscribe","source":"a","inlcude":"x"}',
            "subscribe: there is no key 'inlcude'; did you mean 'include'?",
        ),
        (
            '{"type":"extent","source":"a","zzz":"x"}',
            "extent: there is no key 'zzz'; there are 'id' and 'source'.",
        ),
        (
            '{"type":"subscribe","source":"a","include":[{"patern":"x"}]}',
            "subscribe: 'include[0]': there is no key 'patern'; did you mean 'pattern'?",
        ),
        (
            '{"type":"subscribe","source":""}',
            "subscribe: 'source': expected a text that is not empty.",
        ),
        (
            '{"type":"subscribe","source":"a","lines":"5"}',
            "subscribe: 'lines': expected a whole number, got a text.",
        ),
        (
            '{"type":"subscribe","source":"a","lines":true}',
            "subscribe: 'lines': expected a whole number, got true or false.",
        ),
        (
            '{"type":"subscribe","source":"a","lines":1.5}',
            "subscribe: 'lines': expected a whole number, got a number.",
        ),
        (
            '{"type":"subscribe","source":"a","lines":-1}',
            "subscribe: 'lines': expected a whole number from 0.",
        ),
        (
            '{"type":"subscribe","source":"a","lines":99999999999}',
            "subscribe: 'lines': expected a whole number up to 2147483648.",
        ),
        (
            '{"type":"subscribe","source":"a","from":"end"}',
            "subscribe: 'from': there is no value 'end'.",
        ),
        (
            '{"type":"subscribe","source":"a","lines":1,"cursor":"c"}',
            "subscribe: 'lines' and 'cursor' exclude each other; give one of them.",
        ),
        (
            '{"type":"subscribe","source":"a/*","cursor":"c"}',
            "subscribe: a glob has a cursor for each source; give 'cursors'.",
        ),
        (
            '{"type":"subscribe","source":"a","cursors":{}}',
            "subscribe: 'cursors' belongs to a glob; for one source give 'cursor'.",
        ),
        (
            '{"type":"subscribe","source":"a","include":[' + ",".join(['"x"'] * 17) + "]}",
            "subscribe: 'include': expected a list of a length up to 16.",
        ),
        (
            '{"type":"history","source":"a"}',
            "history: give either 'before' or 'after', a cursor.",
        ),
        (
            '{"type":"history","source":"a","before":"b","after":"c"}',
            "history: give either 'before' or 'after', a cursor.",
        ),
        (
            '{"type":"locate","source":"a"}',
            "locate: give one of 'time', 'fraction', 'number' and 'cursor'.",
        ),
        (
            '{"type":"locate","source":"a","fraction":0,"skip":1}',
            "locate: 'skip' counts from a 'cursor', which is missing.",
        ),
        (
            '{"type":"locate","source":"a","fraction":1.5}',
            "locate: 'fraction': expected a number up to 1.0.",
        ),
        ('{"type":"find","source":"a","pattern":"x"}', "find: the key 'id' is missing."),
        (
            '{"type":"stop","id":[]}',
            "stop: 'id': expected a whole number or a text, got a list.",
        ),
    ],
)
def test_each_mistake_is_a_sentence(text: str, sentence: str) -> None:
    """What is wrong, which field, and what would be right."""
    assert said(text) == sentence


def test_bytes_that_are_no_text_are_refused() -> None:
    """Whatever stands in the message, the answer is a sentence."""
    assert said(b'{"type":"subscribe","source":"\xff"}') == "This is not UTF-8."
    assert said(b"\xff\xfe{") == JSON


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ('{"type":"history","id":7}', 7),
        ('{"id":"x","type":"nothing"}', "x"),
        ('{"type":"stop","id":1.5}', None),
        ('{"type":"stop","id":true}', None),
        ('{"type":"stop","id":"' + "x" * 65 + '"}', None),
        ("[]", None),
    ],
)
def test_an_error_carries_the_id_of_its_command(text: str, id_: int | str | None) -> None:
    """Several commands may be under way: the answer says which one was wrong."""
    with pytest.raises(BadCommand) as caught:
        parse(text)
    assert caught.value.id == id_


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted({f.encode_name for kind in TYPES.values() for f in msgspec.structs.fields(kind)})


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.dictionaries(st.sampled_from(["type", *FIELDS]), JSON_VALUES, max_size=5).map(
            lambda tree: json.dumps(tree).encode()
        ),
        st.tuples(
            st.sampled_from(sorted(TYPES)),
            st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES, max_size=4),
        ).map(lambda pair: json.dumps({**pair[1], "type": pair[0]}).encode()),
    )
)
@example(b'{"type":"ping","id":1}')
def test_any_message_is_a_command_or_a_sentence(text: bytes) -> None:
    """Nothing that a client sends raises anything else, and what is said is short."""
    try:
        parse(text)
    except BadCommand as error:
        sentence = error.message
    else:
        return
    assert sentence
    assert len(sentence) < 400
    assert "\n" not in sentence
    assert "`" not in sentence


@given(st.data())
def test_a_command_is_read_as_it_was_written(data: st.DataObject) -> None:
    """What our structures write, they read: the page may be tested against them."""
    kind = data.draw(st.sampled_from([messages.Unsubscribe, messages.Extent, messages.Outline]))
    command = kind(
        source=data.draw(st.text(min_size=1, max_size=20)),
        id=data.draw(st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=64)),
    )
    assert parse(msgspec.json.encode(command)) == command


# The query


def opened(query: str, source: str | None = None) -> Opening:
    """Read a query as it stands in an address."""
    return from_query(parse_qsl(query, keep_blank_values=True), source)


def test_the_query_subscribes() -> None:
    """What wscat and curl are given means the same as a command."""
    assert opened("") == Opening()
    assert opened("source=syslog&format=text") == Opening((Subscribe(source="syslog"),), True)
    opening = opened("source=a&source=b%2F*&lines=5&include=x%2B&include=y&exclude=z%26")
    keys: dict[str, Any] = {"lines": 5, "include": ("x+", "y"), "exclude": ("z&",)}
    assert opening == Opening((Subscribe(source="a", **keys), Subscribe(source="b/*", **keys)))
    assert opened("lines=0", "a%2Ab").subscriptions == (Subscribe(source="a%2Ab", lines=0),)
    assert opened("source=a&from=start").subscriptions == (Subscribe(source="a", start="start"),)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("lines=5", "The parameter 'source' is missing: which log?"),
        ("format=text", "The parameter 'source' is missing: which log?"),
        ("source=a&lines=x", "The parameter 'lines' is a whole number from 0."),
        ("source=a&lines=-1", "The parameter 'lines' is a whole number from 0."),
        ("source=a&lines=٣", "The parameter 'lines' is a whole number from 0."),
        ("source=a&lines=1&lines=2", "The parameter 'lines' may stand only once."),
        ("source=a&format=json", "The parameter 'format' is 'text', or left out."),
        ("source=a&inlcude=x", "There is no parameter 'inlcude'; did you mean 'include'?"),
        ("source=", "subscribe: 'source': expected a text that is not empty."),
        (
            "source=a&lines=1&cursor=c",
            "subscribe: 'lines' and 'cursor' exclude each other; give one of them.",
        ),
    ],
)
def test_a_wrong_query_is_a_sentence(query: str, sentence: str) -> None:
    """A person typed it: say what is wrong with it."""
    with pytest.raises(BadCommand) as caught:
        opened(query)
    assert caught.value.message == sentence


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["source", "lines", "cursor", "from", "include", "format", "x"]),
            st.sampled_from(["", "a", "5", "start", "text", "*"]) | st.text(max_size=8),
        ),
        max_size=6,
    )
)
def test_any_query_is_understood_or_a_sentence(query: list[tuple[str, str]]) -> None:
    """Nothing else is raised, whatever stands behind the question mark."""
    try:
        from_query(query)
    except BadCommand as error:
        sentence = error.message
    else:
        return
    assert sentence


# Heads


def test_a_head_leaves_out_what_it_does_not_say() -> None:
    """Keys without a value are left out, those of the base protocol always stand."""
    assert encode(LinesHead(source="a", start="s", end="e"), b"one\ntwo") == (
        b'{"type":"lines","source":"a","start":"s","end":"e"}\none\ntwo'
    )
    assert encode(GapHead(source="a", bytes=None, reason="rotated")) == (
        b'{"type":"gap","source":"a","bytes":null,"reason":"rotated"}'
    )
    hello = HelloHead(version="1", sources=[SourceInfo(name="a", state="live")], features=[])
    assert json.loads(encode(hello)) == {
        "type": "hello",
        "version": "1",
        "sources": [{"name": "a", "state": "live"}],
        "features": [],
    }


def test_no_line_and_an_empty_line_are_different() -> None:
    """A block of which a filter hides all has no body; one empty line is an empty body."""
    head = LinesHead(source="a", start="s", end="e")
    assert encode(head).count(b"\n") == 0
    assert encode(head, b"").endswith(b"}\n")


@given(
    st.binary(max_size=40).map(lambda raw: os.fsdecode(raw.replace(b"\0", b""))),
    st.none() | st.binary(max_size=40),
)
def test_a_message_splits_at_its_first_line_feed(name: str, body: bytes | None) -> None:
    """Whatever a file is called and holds, a client needs one split to take a message apart."""
    wire = names.wire_name(name)
    message = encode(LinesHead(source=wire, start="s", end="e", t=1, at=2, number=3), body)
    head, newline, rest = message.partition(b"\n")
    assert json.loads(head)["source"] == wire
    assert (rest if newline else None) == body


def test_every_head_has_a_type_of_its_own() -> None:
    """A client tells messages apart by `type` alone."""
    tags = [msgspec.inspect.type_info(kind) for kind in Head.__subclasses__()]
    assert all(isinstance(info, msgspec.inspect.StructType) for info in tags)
    assert len({info.tag for info in tags if isinstance(info, msgspec.inspect.StructType)}) == len(
        tags
    )


def test_error_codes_are_words() -> None:
    """Programs compare codes, so they are plain lower-case words."""
    codes = get_args(messages.ErrorCode)
    assert len(codes) == len(set(codes)) > 5
    assert all(code.replace("-", "").isalpha() and code.islower() for code in codes)
