"""Chromium's own WebSocket against an echo server made of our codec."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.web.conftest import CHROMIUM, FLAGS

pytestmark = pytest.mark.browser

# Sends what it is given, keeps what comes back, and says how it ended.
TALK = """([url, messages, [code, reason]]) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const heard = [];
  socket.onopen = () => messages.forEach((m) => socket.send(
    typeof m === "string" ? m : new Uint8Array(m)));
  socket.onmessage = ({data}) => {
    heard.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
    if (heard.length === messages.length) socket.close(code, reason);
  };
  socket.onclose = ({code, reason, wasClean}) => resolve(
    {heard, code, reason, wasClean, extensions: socket.extensions});
})"""


def test_chromium_is_a_client(echo_url: str) -> None:
    """Compressed, as it offers by itself: text, binary, large and empty messages, and its Close
    comes back; and a message beyond the bound ends with a code that the page can read."""
    messages: list[Any] = ["Grüße", "", [0, 255, 1], "line of a log\n" * 20_000, "x" * 3]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page()
            said = page.evaluate(TALK, [echo_url, messages, [3001, "done"]])
            assert said["extensions"] == "permessage-deflate; server_no_context_takeover"
            assert said["heard"] == messages
            assert (said["code"], said["wasClean"]) == (3001, True)

            too_much = ["x" * (16 * 1024 * 1024 + 1)]
            said = page.evaluate(TALK, [echo_url, too_much, [1000, ""]])
            assert said["heard"] == []
            assert said["code"] == 1009
            assert said["reason"] == "a message of more than 16777216 bytes"
        finally:
            browser.close()
