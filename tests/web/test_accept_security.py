"""The page against what a log, a link or a foreign page may try; and what it sends to whom."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.web.acceptance import add_filter, following, line, numbers
from tests.web.looking import rows, texts, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
WEB = Path(__file__).parents[2] / "web"
ESC = "\x1b"

HOSTILE = [
    "<img src=x onerror=alert(1)><script>alert(2)</script><style>*{display:none}</style>",
    "</script></title></textarea>&lt;b&gt; <!-- <svg onload=alert(1)>",
    "user \u202egpj.exe \u2066isolate\u2069 zero\u200bwidth \U000e0041 tag",
    f"{ESC}]0;owned{ESC}\\title {ESC}]2;owned\x07 bell",
    f"{ESC}]8;;https://evil.example/{ESC}\\go{ESC}]8;;{ESC}\\ a link of a terminal",
    f"{ESC}]52;c;ZXZpbA=={ESC}\\clip {ESC}[2J{ESC}[8mhidden{ESC}[0m {ESC}P1$r{ESC}\\ {ESC}[1;1H",
    "nul \x00 bell \x07 backspace \x08 c1 \x9b31m next\u2028line",
    "zalgo " + "e" + "\u0301" * 10_000,
    f'{{"level":"error","msg":"<img src=x onerror=alert(3)>","a":"{ESC}[31m"}}',
    "javascript:alert(1) data:text/html,x //evil.example http://user:pw@evil.example/ vbscript:x",
    "see https://a.example/b(c)(d). and [https://a.example/e], <http://b.example/?q=1>; end",
]


def test_a_hostile_line_is_only_text(visit: Visit) -> None:
    """Markup, scripts, escape sequences, direction and zero-width marks, NUL and a tower of accents
    are text with visible labels. No element, title, request, dialog or row height comes of them."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *HOSTILE)
        outside: list[str] = []
        opened: list[str] = []
        page = visit(daemon.url, wait=False)
        page.on("request", lambda r: outside.append(r.url) if daemon.url not in r.url else None)
        page.on("dialog", lambda dialog: opened.append(dialog.message))
        page.on("popup", lambda popup: opened.append(popup.url))
        page.wait_for_selector(".row:not(.rule)")
        until(lambda: len(texts(page)) == len(HOSTILE))
        for form in ("formatted", "raw", "wrapped"):
            if form != "formatted":
                page.keyboard.press("r" if form == "raw" else "z")
                time.sleep(0.3)
            tags = page.evaluate(
                "[...document.querySelectorAll('.row:not(.rule) *')].map((e) => e.localName)"
            )
            assert set(tags) <= {"span", "a", "button", "svg", "path"}, form
            assert page.title() == "app"
            shown = "".join(
                page.evaluate("[...document.querySelectorAll('.row')].map((r) => r.textContent)")
            )
            assert not re.search(
                "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e\u2066-\u2069\u200b\U000e0000-\U000e007f]",
                shown,
            )
            assert "⟨U+202E⟩" in shown
            heights = page.evaluate(
                "[...document.querySelectorAll('.row:not(.rule)')].map((r) => r.offsetHeight)"
            )
            assert all(height % 20 == 0 for height in heights)
            assert not page.evaluate("document.querySelector('.row').translate"), "as it is"
            assert form == "wrapped" or set(heights) == {20}
        assert outside == []
        assert opened == []


def test_only_web_addresses_are_links(visit: Visit) -> None:
    """http and https are links, up to where the address ends and without who signs in; nothing else
    is one, and the text of a link is where it leads."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *HOSTILE)
        page = visit(daemon.url)
        until(lambda: len(texts(page)) == len(HOSTILE))
        links = page.evaluate(
            "[...document.querySelectorAll('.row a')].map((a) => [a.href, a.textContent, a.rel])"
        )
        assert [href for href, _, _ in links] == [
            "https://a.example/b(c)(d)", "https://a.example/e", "http://b.example/?q=1",
        ]  # fmt: skip
        for href, text, rel in links:
            assert href == text
            assert {"noopener", "noreferrer"} <= set(rel.split())


def test_the_policy_is_strict_and_kept(visit: Visit) -> None:
    """Nothing but our own scripts and styles, Trusted Types, nothing inline, no foreign host; and a
    walk through the page breaks none of it: no report, no word on the console."""
    with Daemon({"app": "app.log", "other": "other.log"}) as daemon:
        daemon.append("app.log", *map(line, range(2000)), *HOSTILE)
        daemon.append("other.log", *map(line, range(50)))
        said: list[str] = []
        requests: list[str] = []
        page = visit("about:blank", wait=False)
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        answer = page.goto(daemon.url)
        page.wait_for_selector(".row:not(.rule)")
        policy = answer.headers["content-security-policy"]
        for part in (
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'",
            "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
        ):  # fmt: skip
            assert part in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        for key in ("r", "z", "T", "?", "Escape", "Control+k", "Escape", "|", "t", "Escape", "/"):
            page.keyboard.press(key)
            time.sleep(0.1)
        page.keyboard.type("order")
        page.keyboard.press("Escape")
        add_filter(page, "customer")
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        page.get_by_label("Settings").click()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Theme").click()
        page.reload()
        page.wait_for_selector(".row:not(.rule)")
        time.sleep(0.3)
        assert page.evaluate("window.violations") == []
        assert said == []
        assert {url.split("/")[2] for url in requests} == {f"127.0.0.1:{daemon.port}"}
        assert page.locator("[style*='url('], [onclick], script:not([src])").count() == 0


def test_a_token_leaves_no_trace(visit: Visit) -> None:
    """The printed address signs in. Before any module is asked for, the token is gone from it; it
    is in no history, storage, cookie that scripts see, request line, or log of the daemon."""
    with Daemon({"app": "app.log"}, access=None) as daemon:
        daemon.append("app.log", line(1))
        printed = re.search(r"http://\S+#token=(\S+)", daemon.output)
        assert printed, daemon.output
        token = printed[1]
        seen: list[tuple[str, str]] = []
        page = visit("about:blank", wait=False)
        page.on("request", lambda request: seen.append((request.url, page.url)))
        page.goto(printed[0])
        page.wait_for_selector(".row:not(.rule)")
        assert "token" not in page.url
        modules = [where for url, where in seen if url.endswith(".js") and "boot" not in url]
        assert modules
        assert not [url for url, _ in seen if token in url]
        kept = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,"
            " history.state])"
        )
        assert token not in kept
        assert page.evaluate("typeof window.tailwsToken") == "undefined"
        page.goto(f"{daemon.url}robots.txt")
        page.go_back()
        page.wait_for_selector(".row:not(.rule)")
        assert "token" not in page.url
        cookies = page.context.cookies()
        assert [(c["httpOnly"], c["sameSite"]) for c in cookies] == [(True, "Strict")]
        assert token not in json.dumps(cookies)
        daemon.kill()
        assert daemon.output.count(token) == 1


def test_who_is_not_signed_in_is_asked(visit: Visit) -> None:
    """The field for the token, a sentence for a wrong one, the wait after too many; the right one
    shows the log, and one can sign out again."""
    with Daemon({"app": "app.log"}, access=None) as daemon:
        daemon.append("app.log", line(1))
        found = re.search(r"#token=(\S+)", daemon.output)
        assert found
        page = visit(daemon.url, wait=False)
        page.wait_for_selector("dialog.login")
        field = page.locator("dialog.login input[type=password]")
        assert field.get_attribute("autocomplete") == "current-password"
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        until(lambda: "not valid" in page.inner_text(".login-error"))
        page.keyboard.type(found[1])
        page.keyboard.press("Enter")
        page.wait_for_selector(".row:not(.rule)")
        assert not page.locator("dialog.login").is_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type("sign out")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog.login")
        page.reload()
        page.wait_for_selector("dialog.login")


def test_an_address_of_nonsense_is_survived(visit: Visit) -> None:
    """Whatever stands in the fragment, the page comes up; unknown logs explain themselves."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(20)))
        for fragment in (
            "s=app&at=%00%ff~99999999999999999999&hide=%&off=9999&x=1",
            "p=p=p=p=&s=&&&===%%%",
            "s=app&mark=/((a+)+)+$/&at=" + "A" * 5000,
        ):
            page = visit(f"{daemon.url}#{fragment}")
            page.close()
        page = visit(f"{daemon.url}#s=no/such/log", wait=False)
        until(lambda: page.locator(".notice").is_visible())
        assert "no/such/log" in page.inner_text(".notice")


def test_names_are_text_too(visit: Visit) -> None:
    """The name of a file may hold markup and direction marks: it is shown, and nothing happens."""
    with Daemon({"logs": "logs/*.log"}) as daemon:
        daemon.append("logs/<img src=x onerror=alert(1)>.log", line(1))
        daemon.append("logs/a\u202eb.log", line(2))
        page = visit(daemon.url)
        until(lambda: page.locator(".tree-row.source").count() == 2, seconds=30)
        page.locator(".tree-row", has_text="onerror").click()
        until(lambda: numbers(page) == [1])
        assert page.locator("img").count() == 0
        shown = page.locator(".side").inner_text() + page.title()
        assert "\u202e" not in shown


def test_a_long_line_and_a_flood_of_marks_do_not_block(visit: Visit) -> None:
    """Lines of a mega-character and a pattern that would take for ever in a browser's own engine
    leave the page answering."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", "a" * 200_000, *("a" * 4000 for _ in range(60)), line(1))
        page = visit(daemon.url)
        until(lambda: 1 in numbers(page))
        add_filter(page, "+/(a+)+$/")
        add_filter(page, "+/(a|a)*b/")
        began = time.monotonic()
        wheel(page, -2000)
        until(lambda: rows(page))
        assert time.monotonic() - began < 10


def test_what_is_served_is_what_was_written() -> None:
    """The daemon leaves comments and spaces out of scripts: each still parses to the same tree as
    its source. Style sheets lose nothing but comments and spaces either."""
    from tailws.server.site import lean, read_page

    served = {name: lean(name, data) for name, data in read_page(WEB).items()}
    scripts = {name: data.decode() for name, data in served.items() if name.endswith(".js")}
    assert len(scripts) > 40
    program = """
      const ts = require(process.argv[1]);
      const pairs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
      const {FirstJSDocNode, LastJSDocNode} = ts.SyntaxKind;
      const isDoc = (node) => node.kind >= FirstJSDocNode && node.kind <= LastJSDocNode;
      const tree = (text) => {
        const {Latest} = ts.ScriptTarget;
        const file = ts.createSourceFile('x.js', text, Latest, true, ts.ScriptKind.JS);
        const leaves = [];
        const walk = (node) => {
          const inner = node.getChildren(file).filter((child) => !isDoc(child));
          if (!inner.length) leaves.push(node.kind + ' ' + node.getText(file));
          inner.forEach(walk);
        };
        walk(file);
        if (file.parseDiagnostics.length) leaves.push('BROKEN');
        return leaves.join('\\n');
      };
      const wrong = pairs.filter(([, a, b]) => tree(a) !== tree(b)).map(([name]) => name);
      console.log(JSON.stringify(wrong));
    """
    pairs = [[name, (WEB / name).read_text(), text] for name, text in scripts.items()]
    assert _node(program, pairs) == []

    def squeezed(style: str) -> str:
        """Return it without the spaces that have no meaning."""
        return re.sub(r" ?([{};,]) ?|: ", lambda sign: sign[1] or ":", " ".join(style.split()))

    for name, data in served.items():
        if name.endswith(".css"):
            source = re.sub(r"/\*.*?\*/", "", (WEB / name).read_text(), flags=re.DOTALL)
            kept = re.sub(r"/\*.*?\*/", "", data.decode(), flags=re.DOTALL)
            assert squeezed(kept) == squeezed(source)


def _node(program: str, data: object) -> Any:
    root = WEB.parent
    subprocess.run([root / ".ci" / "node-tools"], check=True, cwd=root)
    typescript = root / ".venv" / "node" / "node_modules" / "typescript"
    done = subprocess.run(
        ["node", "-e", program, str(typescript)],
        input=json.dumps(data), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_page_is_light() -> None:
    """All of it is less than 120 kB as it is sent, in few requests; nothing of its authors'
    tools is part of it."""
    from tailws.server.site import read_page

    def sent(path: str) -> tuple[str, bytes]:
        request = Request(daemon.url + path, headers={"Accept-Encoding": "gzip"})
        with urlopen(request, timeout=20) as answer:
            packed = answer.headers["Content-Encoding"] == "gzip"
            data: bytes = answer.read()
        return (gzip.decompress(data) if packed else data).decode(), data

    with Daemon({"app": "app.log"}) as daemon:
        document, size = sent("")
        links = re.findall(r'(?:src|href)="([^"#]+)"', document)
        icons = [f"favicon-{kind}.svg" for kind in ("new", "error", "offline")]  # asked for in time
        files = [len(sent(link)[1]) for link in links + icons]
    assert len(size) + sum(files) < 120_000
    assert len(links) + len(["the document", "session", "ws"]) < 10
    assert not [name for name in read_page(WEB) if name.endswith((".json", ".ts", ".md"))]


def test_text_is_never_made_markup() -> None:
    """No module uses what turns text into markup or code."""
    banned = re.compile(
        r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|"
        r"createContextualFragment|DOMParser|setHTML|srcdoc)"
    )
    for path in WEB.rglob("*.js"):
        assert not banned.search(path.read_text()), path


def test_following_still_works_after_all(visit: Visit) -> None:
    """A log with hostile lines in it is followed like any other."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *HOSTILE)
        page = visit(daemon.url)
        until(lambda: len(texts(page)) == len(HOSTILE))
        daemon.append("app.log", line(7))
        following(page, 7)
