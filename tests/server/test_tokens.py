"""Tokens from the config, files and credentials; the address that is printed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tailws import config
from tailws.server.tokens import TokenError, load_tokens, page_address, random_token


def access(*tokens: config.Token) -> config.Access:
    return config.Access(tokens=tokens)


def test_each_kind_of_token_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the config, the first line of a file, a systemd credential; with what they may see."""
    (tmp_path / "secret").write_text("  from-file \nmore\n")
    (tmp_path / "cred").write_bytes(b"from-\xffcredential")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    tokens = load_tokens(
        access(
            config.Token(name="a", token="plain"),
            config.Token(name="b", file=str(tmp_path / "secret"), sources=("x/*",)),
            config.Token(name="c", credential="cred"),
        )
    )
    assert tokens is not None
    assert [(t.name, os.fsencode(t.secret), t.sources) for t in tokens] == [
        ("a", b"plain", ("**",)),
        ("b", b"from-file", ("x/*",)),
        ("c", b"from-\xffcredential", ("**",)),
    ]
    assert "plain" not in repr(tokens)


def test_none_and_nothing_are_not_the_same() -> None:
    """`access: none` is no tokens at all; an empty list asks for a random one."""
    assert load_tokens(config.Access(tokens="none")) is None
    assert load_tokens(config.Access()) == []


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.write_text("\nsecond"), "is empty"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: os.mkfifo(path), "not a regular file"),
    ],
)
def test_a_token_that_cannot_be_had_is_a_sentence(
    tmp_path: Path, prepare: object, said: str
) -> None:
    """It names the token and the file, and never waits for a FIFO's writer."""
    path = tmp_path / "secret"
    prepare(path)  # type: ignore[operator]
    with pytest.raises(TokenError, match=said) as caught:
        load_tokens(access(config.Token(name="anna", file=str(path))))
    assert "'anna'" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_credential_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside systemd a credential cannot be; the sentence says what the unit needs."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(TokenError, match="LoadCredential="):
        load_tokens(access(config.Token(name="anna", credential="tailws-token")))


def test_random_tokens() -> None:
    """Unguessable, each another one, and safe in an address as they are."""
    tokens = {random_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{24}", token) for token in tokens)


@pytest.mark.parametrize(
    ("listening", "base", "token", "address"),
    [
        (["127.0.0.1:3368"], "", "t0k", "http://127.0.0.1:3368/#token=t0k"),
        (["127.0.0.1:3368"], "", "", "http://127.0.0.1:3368/"),
        (["[::1]:80"], "/logs", "t", "http://[::1]:80/logs/#token=t"),
        (["unix:/run/x", "10.0.0.1:80"], "", "", "http://10.0.0.1:80/"),
        (["unix:/run/x"], "", "", "unix:/run/x"),
        ([], "", "", ""),
    ],
)
def test_the_address_to_open(listening: list[str], base: str, token: str, address: str) -> None:
    """The first that a browser can open, with the token where no server ever sees it."""
    assert page_address(listening, base, token) == address


@pytest.mark.parametrize("everywhere", ["0.0.0.0:3368", "[::]:3368"])
def test_all_addresses_are_printed_as_one_that_can_be_opened(everywhere: str) -> None:
    """`0.0.0.0` is no place to go to."""
    address = page_address([everywhere])
    assert re.fullmatch(r"http://\d+\.\d+\.\d+\.\d+:3368/", address)
    assert "0.0.0.0" not in address
