"""Pictures of the page: `python -m tests.web.screenshots DIRECTORY [NAME...] [--all]`.

Without a name, those that the documentation shows; with `--all`, every state that the page can be
in, wide and on a phone, dark and light, to be looked at. The logs are made up, the page and the
browser are real.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from tests.web.conftest import CHROMIUM, FLAGS
from tests.web.fake_daemon import FEATURES, FakeDaemon, Log
from tests.web.looking import until, wheel

NOW = datetime(2026, 11, 22, 14, 2, 12, 600_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}

_TRACE = """Traceback (most recent call last):
  File "/srv/orders/pay/client.py", line 118, in capture
    resp = self.http.post(url, json=body, timeout=30)
  File "/srv/venv/lib/httpx/_client.py", line 1144, in post
    return self.request("POST", url, content=content)
  File "/srv/venv/lib/httpx/_client.py", line 825, in request
    return self.send(request, auth=auth)
  File "/srv/venv/lib/httpx/_client.py", line 914, in send
    response = self._send_handling_auth(request)
  File "/srv/venv/lib/httpx/_transports/default.py", line 233, in handle_request
    resp = self._pool.handle_request(req)
httpx.ReadTimeout: The read operation timed out"""


def _stamp(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def orders(chance: random.Random, when: datetime) -> list[str]:
    """Return one entry of an application's log: logfmt, now and then a stack trace."""
    pick = chance.randrange
    order = pick(80_000, 82_000)
    stamp = _stamp(when)
    kind = chance.random()
    if kind < 0.012:
        head = f"{stamp} ERROR payment provider timed out  order={order} provider=acme-pay ms=30000"
        return [head, *_TRACE.splitlines()]
    if kind < 0.05:
        table = "table=order_items"
        return [f"{stamp} WARN  slow query  {table} ms={pick(300, 900)} rows=40117 plan=seq_scan"]
    if kind < 0.1:
        return [f"{stamp} DEBUG cache hit  key=price:{pick(999, 1300)} age_s=41"]
    customer = f"customer=c_{pick(1000, 9999)}"
    total = f"total={pick(900, 29900) / 100:.2f} currency=EUR"
    what = chance.choice(
        [
            f"order accepted  order={order} {customer} {total} ms={pick(8, 20)}",
            f"payment requested  order={order} provider=acme-pay attempt=1",
            f"payment captured  order={order} provider=acme-pay ms={pick(400, 900)}",
            f"session opened  {customer} ip=203.0.113.{pick(2, 250)}",
        ]
    )
    return [f"{stamp} INFO  {what}"]


_REQUESTS = (
    "GET /api/v1/cart", "POST /api/v1/orders", "GET /api/v1/products/1192",
    "GET /static/app.5c1e.js", "GET /healthz", "GET /.env", "POST /api/v1/orders/81720/pay",
)  # fmt: skip
_ADDRESSES = ("203.0.113.42", "198.51.100.7", "192.0.2.88", "203.0.113.9")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64)", "okhttp/4.12.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1)",
)  # fmt: skip


def access(chance: random.Random, when: datetime) -> list[str]:
    """Return one line of a web server's access log."""
    request = chance.choice(_REQUESTS)
    status = 404 if "env" in request else chance.choice([200, 200, 200, 201, 304])
    if chance.random() < 0.01:
        status = 502
    head = f"{chance.choice(_ADDRESSES)} - - [{when:%d/%b/%Y:%H:%M:%S} +0000]"
    size, took = chance.randrange(20_000), f"rt={chance.random():.3f}"
    return [f'{head} "{request} HTTP/1.1" {status} {size} "-" "{chance.choice(_AGENTS)}" {took}']


def worker(chance: random.Random, when: datetime) -> list[str]:
    """Return one line of JSON."""
    task = chance.choice(["sync_inventory", "reserve_stock", "send_receipt"])
    kind = chance.random()
    failed, late = kind < 0.02, kind < 0.08
    entry = {
        "time": _stamp(when),
        "level": "error" if failed else "warning" if late else "info",
        "msg": f"{task} failed: read timeout after 30 s"
        if failed
        else f"{task} retry 2/5 in 4 s"
        if late
        else f"{task} succeeded",
        "task": f"8f{chance.randrange(4096, 65535):x}",
        "queue": "stock",
        "seconds": round(chance.random(), 3),
    }
    if failed or late:
        url = "https://api.acme-pay.example/v2/captures"
        entry["http"] = {"url": url, "status": None, "retries": 3}
    return [json.dumps(entry)]


def log(
    name: str,
    make: Callable[..., list[str]],
    count: int,
    spread: timedelta,
    seed: int = 1,
    **options: Any,
) -> Log:
    """Return a log whose last line is written just now."""
    chance = random.Random(seed)
    lines: list[str] = []
    for i in range(count):
        lines += make(chance, NOW - spread * ((count - 1 - i) / count) ** 1.4)
    return Log(name, lines, **options)


def logs() -> list[Log]:
    """Return the logs of a small shop."""
    shop = [
        log(
            "app/orders-api",
            orders,
            24_000,
            timedelta(hours=52),
            modified=9,
            path="/srv/orders/log/orders-api.log",
        ),
        log("app/worker", worker, 6000, timedelta(hours=52), 2, modified=8),
        log("nginx/access", access, 20_000, timedelta(hours=52), 3, modified=7),
        log("app/mailer", orders, 90, timedelta(hours=9), 4),
        log("app/scheduler", orders, 40, timedelta(hours=9), 5),
        log("nginx/error", orders, 70, timedelta(hours=9), 6),
        log("postgresql/postgresql-16-main", orders, 200, timedelta(hours=9), 7),
        log("postgresql/pgbouncer", orders, 100, timedelta(hours=9), 8),
        log("system/syslog", orders, 500, timedelta(hours=9), 9),
        Log("system/auth", state="unreadable", detail="The daemon's user is not in the group adm."),
        Log("system/cron-backup", state="missing"),
    ]
    shop[0].files = [
        ("orders-api.log.2.gz", 6000),
        ("orders-api.log.1", 9000),
        ("orders-api.log", 0),
    ]
    return shop


#: Saved views of the daemon's config.
VIEWS = [
    {"name": "Checkout errors", "address": "s=app/orders-api,app/worker&show=level:error"},
    {"name": "All of nginx", "address": "s=nginx/access,nginx/error"},
]


class Studio:
    """One browser and one daemon for all pictures."""

    def __init__(self, browser: Any, daemon: FakeDaemon, out: Path) -> None:
        self.browser = browser
        self.daemon = daemon
        self.out = out

    @contextmanager
    def page(
        self, fragment: str = "", *, phone: bool = False, scheme: str = "dark"
    ) -> Iterator[Any]:
        """Open the page."""
        context = self.browser.new_context(
            viewport=PHONE if phone else WIDE, color_scheme=scheme, timezone_id="UTC",
            has_touch=phone, is_mobile=phone, device_scale_factor=2 if phone else 1,
        )  # fmt: skip
        page = context.new_page()
        page.goto(self.daemon.url + fragment)
        page.wait_for_selector(".row:not(.rule)")
        time.sleep(0.6)
        yield page
        context.close()

    def save(self, page: Any, name: str) -> None:
        """Write one picture."""
        page.mouse.move(3, 3)
        time.sleep(0.45)
        self.shoot(page, name)

    def shoot(self, page: Any, name: str) -> None:
        """Write one picture as it is now."""
        (self.out / f"{name}.png").write_bytes(shrink(self.browser, page.screenshot()))


_INDEX = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const {width, height} = image;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  // The most frequent colour of each corner of the colour space, so that shades do not crowd out.
  const corners = new Map();
  for (const [pixel, count] of [...counts].sort((a, b) => b[1] - a[1])) {
    const corner = pixel & 0xf0f0f0;
    const its = corners.get(corner);
    if (its) its.count += count;
    else corners.set(corner, {pixel, count});
  }
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 96).map(([pixel]) => pixel);
  const spread = [...corners.values()].sort((a, b) => b.count - a.count).map((one) => one.pixel);
  const palette = [...new Set([...most, ...spread])].slice(0, 256);
  const index = new Map();
  const nearest = (pixel) => {
    let best = 0;
    let least = Infinity;
    palette.forEach((one, k) => {
      let sum = 0;
      for (const shift of [0, 8, 16]) sum += ((pixel >> shift & 255) - (one >> shift & 255)) ** 2;
      if (sum < least) [best, least] = [k, sum];
    });
    return best;
  };
  for (const pixel of counts.keys()) index.set(pixel, nearest(pixel));
  let text = '';
  for (const pixel of pixels) text += String.fromCharCode(index.get(pixel));
  return {width, height, palette: palette.flatMap((p) => [p & 255, p >> 8 & 255, p >> 16 & 255]),
    pixels: btoa(text)};
}"""


def shrink(browser: Any, png: bytes) -> bytes:
    """Return the picture with 256 colours, a quarter of the size."""
    page = browser.new_page()
    found = page.evaluate(_INDEX, base64.b64encode(png).decode())
    page.close()
    width, height = found["width"], found["height"]
    pixels = base64.b64decode(found["pixels"])
    rows = b"".join(b"\0" + pixels[i : i + width] for i in range(0, width * height, width))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return b"".join((
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        chunk(b"PLTE", bytes(found["palette"])),
        chunk(b"IDAT", zlib.compress(rows, 9)),
        chunk(b"IEND", b""),
    ))  # fmt: skip


def following(studio: Studio, scheme: str) -> None:
    """Three logs merged, with chips, live."""
    fragment = (
        "#s=app/orders-api,nginx/access,app/worker&hide=/healthz|metrics/&mark=/order=[0-9]%2B/"
    )
    with studio.page(fragment, scheme=scheme) as page:
        chance = random.Random(4)
        beside = ["postgresql/pgbouncer", "system/syslog", "app/mailer"]
        for k in range(72):
            now = NOW + timedelta(milliseconds=300 * k)
            for name in beside[: chance.choice([0, 1, 1, 2, 3])]:
                studio.daemon.write(name, orders(chance, now)[:1] * chance.randrange(1, 30))
            studio.daemon.write("app/orders-api", orders(chance, now))
            if chance.random() < 0.6:
                later = now + timedelta(milliseconds=90)
                studio.daemon.write("nginx/access", access(chance, later))
            if chance.random() < 0.4:
                later = now + timedelta(milliseconds=160)
                studio.daemon.write("app/worker", worker(chance, later))
            if k == 64:
                head = "ERROR payment provider timed out  order=81720 provider=acme-pay ms=30000"
                studio.daemon.write(
                    "app/orders-api", [f"{_stamp(now)} {head}", *_TRACE.split("\n")]
                )
            if k == 57:
                studio.daemon.say({
                    "type": "event", "source": "nginx/access", "event": "rotated",
                    "file": "access.log", "t": int(now.timestamp() * 1000),
                })  # fmt: skip
            time.sleep(0.3)
        studio.save(page, f"following-{scheme}")


def reading(studio: Studio, scheme: str) -> None:
    """One log of JSON, reading, find open, a row opened."""
    with studio.page("#s=app/worker", scheme=scheme) as page:
        wheel(page, -4000)
        time.sleep(0.4)
        page.keyboard.press("/")
        page.keyboard.type("timeout")
        until(lambda: "hits" in page.inner_text(".find-bar"))
        page.keyboard.press("Shift+Enter")
        until(lambda: page.locator(".row.cur").count())
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        chance = random.Random(5)
        lines = [line for i in range(1284) for line in worker(chance, NOW + i * SECOND / 9)]
        studio.daemon.write("app/worker", lines)
        studio.save(page, f"reading-{scheme}")


def json_log(studio: Studio, scheme: str) -> None:
    """A JSON log, wrapped, with an opened row."""
    with studio.page("#s=app/worker&wrap=1", scheme=scheme) as page:
        page.keyboard.press("k")
        for _ in range(12):
            page.keyboard.press("k")
        page.keyboard.press("Enter")
        studio.save(page, f"json-{scheme}")


def filtered(studio: Studio, scheme: str) -> None:
    """Errors of one log, with a bad pattern beside."""
    with studio.page("#s=app/orders-api&show=level:error", scheme=scheme) as page:
        page.click(".chip-field")
        page.keyboard.type("/(un/")
        page.keyboard.press("Enter")
        studio.save(page, f"filtered-{scheme}")


def split(studio: Studio, scheme: str) -> None:
    """Two panes beside each other."""
    with studio.page("#s=app/orders-api&p=s=nginx/access%26hide=healthz", scheme=scheme) as page:
        studio.save(page, f"split-{scheme}")


def gap(studio: Studio, scheme: str) -> None:
    """A gap, a truncation and a rotation in the text."""
    with studio.page("#s=app/mailer", scheme=scheme) as page:
        studio.daemon.event("app/mailer", "rotated", "mailer.log")
        studio.daemon.write("app/mailer", orders(random.Random(1), NOW))
        studio.daemon.gap("app/mailer", 2_400_000, "truncated")
        studio.daemon.write("app/mailer", orders(random.Random(2), NOW))
        studio.save(page, f"gap-{scheme}")


def hole(studio: Studio, scheme: str) -> None:
    """What is not loaded between what was read and the end, wide and on a phone."""
    for phone in (False, True):
        with studio.page("#s=app/orders-api", phone=phone, scheme=scheme) as page:
            page.keyboard.press("Home")
            until(lambda: "Reading" in page.inner_text(".mode") or phone)  # noqa: B023
            time.sleep(0.5)
            page.keyboard.press("End")
            time.sleep(0.5)
            for _ in range(300):
                wheel(page, -100)
                time.sleep(0.02)
                rule = page.locator(".rule-hole")
                if rule.count() and rule.bounding_box()["y"] > 250:
                    break
            studio.shoot(page, f"{'phone-' * phone}hole-{scheme}")
            page.set_viewport_size({"width": 320, "height": 568})
            time.sleep(0.5)
            if phone:
                studio.shoot(page, f"small-hole-{scheme}")


def reconnecting(studio: Studio, scheme: str) -> None:
    """The daemon is away."""
    with studio.page("#s=app/orders-api", scheme=scheme) as page:
        studio.daemon.refuse = (503, "")
        studio.daemon.cut()
        until(lambda: page.locator(".connection").get_attribute("data-kind") == "waiting")
        time.sleep(2.5)
        studio.save(page, f"reconnecting-{scheme}")
        studio.daemon.refuse = None


def signed_out(studio: Studio, scheme: str) -> None:
    """The access token is asked for, over the kept page."""
    with studio.page("#s=app/orders-api", scheme=scheme) as page:
        studio.daemon.token = "secret"
        studio.daemon.cut()
        page.wait_for_selector("dialog.login")
        studio.save(page, f"signed-out-{scheme}")
        studio.daemon.token = None


def dialogs(studio: Studio, scheme: str) -> None:
    """The list of keys, the palette, the settings."""
    with studio.page("#s=app/orders-api", scheme=scheme) as page:
        page.keyboard.press("?")
        studio.save(page, f"help-{scheme}")
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.keyboard.type("ord")
        studio.save(page, f"palette-{scheme}")
        page.keyboard.press("Escape")
        page.get_by_label("Settings").click()
        studio.save(page, f"settings-{scheme}")
        page.keyboard.press("Escape")
        page.keyboard.press("t")
        page.keyboard.type("yesterday 18:00")
        studio.save(page, f"time-{scheme}")


def empty(studio: Studio, scheme: str) -> None:
    """A daemon without sources, and a log that is not there yet."""
    with studio.page("#s=app/orders-api", scheme=scheme) as page:
        page.locator(".tree-row", has_text="cron-backup").click()
        studio.save(page, f"missing-{scheme}")
        kept = list(studio.daemon.logs.values())
        studio.daemon.set_sources([])
        studio.save(page, f"first-run-{scheme}")
        studio.daemon.set_sources(kept)


def phone(studio: Studio, scheme: str) -> None:
    """Reading, the sources and the filter on a phone."""
    with studio.page("#s=app/orders-api&hide=cache", phone=True, scheme=scheme) as page:
        page.locator(".tab", has_text="Prev error").tap()
        until(lambda: page.locator(".row.cur").count())
        studio.daemon.write(
            "app/orders-api", [f"{_stamp(NOW)} INFO  new line {i}" for i in range(128)]
        )
        studio.daemon.write("app/orders-api", [f"{_stamp(NOW)} ERROR payment failed"] * 2)
        time.sleep(0.5)
        studio.shoot(page, f"phone-{scheme}")
        page.locator(".tab").first.tap()
        time.sleep(0.5)
        studio.shoot(page, f"phone-sources-{scheme}")


def menus(studio: Studio, scheme: str) -> None:
    """What a line offers, what can be had as a file, a saved view, the tools of a row."""
    with studio.page("#s=app/orders-api&hide=cache", scheme=scheme) as page:
        page.keyboard.press(" ")
        page.mouse.move(500, 400)
        time.sleep(0.4)
        studio.shoot(page, f"row-tools-{scheme}")
        page.locator(".row:not(.rule)").nth(20).click()
        page.keyboard.press("Shift+F10")
        studio.save(page, f"row-menu-{scheme}")
        page.keyboard.press("Escape")
        page.keyboard.press("D")
        studio.save(page, f"download-{scheme}")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Save view").click()
        studio.save(page, f"save-view-{scheme}")
        page.keyboard.press("Escape")
        page.keyboard.press("m")
        studio.shoot(page, f"bookmark-{scheme}")


def panes(studio: Studio, scheme: str) -> None:
    """Four panes, and a merge that is read, with a late line."""
    fragment = "#s=app/orders-api&p=s=nginx/access&p=s=app/worker&p=s=app/mailer,nginx/error"
    with studio.page(fragment, scheme=scheme) as page:
        studio.save(page, f"panes-{scheme}")
    with studio.page("#s=app/orders-api,nginx/access,app/worker", scheme=scheme) as page:
        late = NOW - timedelta(seconds=90)
        studio.daemon.write("app/worker", worker(random.Random(3), late))
        studio.daemon.write("app/orders-api", orders(random.Random(9), NOW))
        page.keyboard.press("k")
        page.keyboard.press("k")
        page.locator(".log-chip-name", has_text="access").click()
        studio.save(page, f"merged-reading-{scheme}")


def narrow(studio: Studio, scheme: str) -> None:
    """A tablet, with and without its drawer."""
    with studio.page("#s=app/orders-api", scheme=scheme) as page:
        page.set_viewport_size({"width": 800, "height": 1000})
        studio.save(page, f"tablet-{scheme}")
        page.get_by_label("Sources", exact=True).first.click()
        studio.save(page, f"tablet-sources-{scheme}")


def phone_more(studio: Studio, scheme: str) -> None:
    """Finding, time, menus and dialogs on a phone, and the smallest one."""
    with studio.page("#s=app/orders-api", phone=True, scheme=scheme) as page:
        studio.shoot(page, f"phone-following-{scheme}")
        page.get_by_label("Find", exact=True).tap()
        page.keyboard.type("timed out")
        time.sleep(0.8)
        studio.shoot(page, f"phone-find-{scheme}")
        page.keyboard.press("Escape")
        page.locator(".tab", has_text="Time").tap()
        page.keyboard.type("yesterday 18:00")
        time.sleep(0.3)
        studio.shoot(page, f"phone-time-{scheme}")
        page.keyboard.press("Escape")
        page.get_by_label("More", exact=True).tap()
        time.sleep(0.3)
        studio.shoot(page, f"phone-menu-{scheme}")
        page.get_by_text("Settings", exact=True).tap()
        time.sleep(0.3)
        studio.shoot(page, f"phone-settings-{scheme}")
        page.keyboard.press("Escape")
        page.get_by_label("More", exact=True).tap()
        page.get_by_text("All keys", exact=True).tap()
        time.sleep(0.3)
        studio.shoot(page, f"phone-help-{scheme}")
        page.keyboard.press("Escape")
        page.locator(".tab", has_text="Filter").tap()
        time.sleep(0.3)
        studio.shoot(page, f"phone-filter-{scheme}")
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 320, "height": 568})
        time.sleep(0.5)
        studio.shoot(page, f"small-{scheme}")
        page.locator(".tab", has_text="Prev error").tap()
        time.sleep(0.8)
        studio.shoot(page, f"small-error-{scheme}")
        studio.daemon.token = "secret"
        studio.daemon.cut()
        page.wait_for_selector("dialog.login")
        time.sleep(0.4)
        studio.shoot(page, f"small-signed-out-{scheme}")
        studio.daemon.token = None


PICTURES = {
    "following": following, "reading": reading, "json": json_log, "filtered": filtered,
    "split": split, "panes": panes, "menus": menus, "gap": gap, "hole": hole,
    "reconnecting": reconnecting, "signed-out": signed_out, "dialogs": dialogs, "empty": empty,
    "narrow": narrow, "phone": phone, "phone-more": phone_more,
}  # fmt: skip


#: What the documentation shows, and as what.
SHOWN = {
    ("following", "dark"): ("following-dark", "desktop-dark"),
    ("reading", "light"): ("reading-light", "desktop-light"),
    ("phone", "dark"): ("phone-dark", "phone-dark"),
}


def main() -> None:
    """Make the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES])
    parser.add_argument("--scheme", choices=["dark", "light"])
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    schemes = [arguments.scheme] if arguments.scheme else ["dark", "light"]
    names = arguments.names or (PICTURES if arguments.all else [])
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, scheme in product(names, schemes) if names else SHOWN:
            out = arguments.directory if names else Path(scratch)
            with FakeDaemon(logs(), features=(*FEATURES, "download"), views=VIEWS) as daemon:
                PICTURES[name](Studio(browser, daemon, out), scheme)
        browser.close()
        for made, called in () if names else SHOWN.values():
            shutil.copyfile(Path(scratch) / f"{made}.png", arguments.directory / f"{called}.png")


if __name__ == "__main__":
    main()
