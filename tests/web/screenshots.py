"""Pictures of the page in its states: `python -m tests.web.screenshots DIRECTORY [NAME...]`.

The logs are made up, the page and the browser are real. Each picture is taken wide and on a phone,
dark and light, where that shows something.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.web.conftest import CHROMIUM, FLAGS
from tests.web.fake_daemon import FakeDaemon, Log
from tests.web.looking import until, wheel

NOW = datetime(2026, 11, 22, 14, 2, 12, 600_000, tzinfo=UTC)
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
    late = chance.random() < 0.06
    entry = {
        "time": _stamp(when),
        "level": "warning" if late else "info",
        "msg": f"{task} retry 2/5 in 4 s" if late else f"{task} succeeded",
        "task": f"8f{chance.randrange(4096, 65535):x}",
        "queue": "stock",
        "seconds": round(chance.random(), 3),
    }
    if late:
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
        page.screenshot(path=self.out / f"{name}.png")


def following(studio: Studio, scheme: str) -> None:
    """Three logs merged, with chips, live."""
    fragment = (
        "#s=app/orders-api,nginx/access,app/worker&hide=/healthz|metrics/&mark=/order=[0-9]%2B/"
    )
    with studio.page(fragment, scheme=scheme) as page:
        chance = random.Random(4)
        for k in range(12):
            now = NOW + timedelta(milliseconds=300 * k)
            studio.daemon.write("app/orders-api", orders(chance, now))
            studio.daemon.write("nginx/access", access(chance, now + timedelta(milliseconds=90)))
            studio.daemon.write("app/worker", worker(chance, now + timedelta(milliseconds=160)))
            if k == 6:
                studio.daemon.event("nginx/access", "rotated", "access.log")
            time.sleep(0.1)
        studio.save(page, f"following-{scheme}")


def reading(studio: Studio, scheme: str) -> None:
    """One log, reading, find open, a row opened."""
    with studio.page("#s=app/orders-api", scheme=scheme) as page:
        wheel(page, -4000)
        time.sleep(0.4)
        page.keyboard.press("/")
        page.keyboard.type("timed out")
        time.sleep(0.8)
        page.keyboard.press("Shift+Enter")
        time.sleep(0.6)
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        studio.daemon.write(
            "app/orders-api", [f"{_stamp(NOW)} INFO  new line {i}" for i in range(200)]
        )
        studio.daemon.write("app/orders-api", [f"{_stamp(NOW)} ERROR payment failed"] * 7)
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
        page.touchscreen.tap(200, 300)
        studio.daemon.write(
            "app/orders-api", [f"{_stamp(NOW)} INFO  new line {i}" for i in range(128)]
        )
        studio.daemon.write("app/orders-api", [f"{_stamp(NOW)} ERROR payment failed"] * 2)
        time.sleep(0.5)
        page.screenshot(path=studio.out / f"phone-{scheme}.png")
        page.locator(".tab").first.tap()
        time.sleep(0.5)
        page.screenshot(path=studio.out / f"phone-sources-{scheme}.png")


PICTURES = {
    "following": following, "reading": reading, "json": json_log, "filtered": filtered,
    "split": split, "gap": gap, "reconnecting": reconnecting,
    "signed-out": signed_out, "dialogs": dialogs, "empty": empty, "phone": phone,
}  # fmt: skip


def main() -> None:
    """Make the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES])
    parser.add_argument("--scheme", choices=["dark", "light"])
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in arguments.names or PICTURES:
            for scheme in [arguments.scheme] if arguments.scheme else ["dark", "light"]:
                with FakeDaemon(logs()) as daemon:
                    PICTURES[name](Studio(browser, daemon, arguments.directory), scheme)
        browser.close()


if __name__ == "__main__":
    main()
