"""Which cases the Autobahn testsuite runs, and what its reports say.

cases.py spec SET URL DIR    wait for the server, write DIR/spec.json
cases.py judge DIR           print the counts; exit status 1 unless every case passed
"""

from __future__ import annotations

import ast
import json
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

# A pattern is a regular expression for the beginning of a case's name; "." and "*" stand for
# themselves and for anything.
FAST = [*(f"{group}.*" for group in range(1, 8)), "10.*"]
# Cases in which no message of the client's must come back.
NO_ECHO = [
    *("2.*", "3.*", "4.*"),
    *(f"5.{i}" for i in (1, 2, *range(9, 19))),
    *(f"6.{i}.*" for i in (3, 4, 8, 10, *range(12, 22))),
    *(f"6.6.{i}" for i in (1, 3, 4, 6, 8, 10)),
    *("6.11.5", "7.*"),
]
SETS = {"fast": (FAST, []), "noecho": (NO_ECHO, ["7.1.1"]), "all": (["*"], [])}

PASSED = {"OK": "ok", "NON-STRICT": "non-strict", "INFORMATIONAL": "informational"}


def write_spec(selection: str, url: str, out: Path) -> None:
    cases, excluded = SETS.get(selection, (selection.split(","), []))
    wait_for(url)
    for old in (out / "index.json", *out.glob("server_case_*")):
        old.unlink(missing_ok=True)
    spec = {
        "outdir": str(out),
        "servers": [{"agent": "server", "url": url}],
        "cases": cases,
        "exclude-cases": excluded,
        "exclude-agent-cases": {},
    }
    (out / "spec.json").write_text(json.dumps(spec))


def wait_for(url: str) -> None:
    address = urlsplit(url)
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((address.hostname or "", address.port or 80), 1).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                print(f"autobahn: no server at {url}: {error}", file=sys.stderr)
                sys.exit(2)
            time.sleep(0.1)


def judge(out: Path) -> bool:
    """Whether all went well. The suite itself ends with 0 whatever happened, even to the server:
    the reports are held against the list of cases that it meant to run."""
    log = (out / "wstest.log").read_text(errors="replace")
    lists = [line[len("Cases = ") :] for line in log.splitlines() if line.startswith("Cases = ")]
    wanted: list[str] = ast.literal_eval(lists[0]) if lists else []
    try:
        reports = json.loads((out / "index.json").read_text())["server"]
    except (OSError, ValueError, KeyError):
        reports = {}
    counts = dict.fromkeys((*PASSED.values(), "failed"), 0)
    remarks = []
    for case in wanted:
        report = reports.get(case, {"behavior": "NOT RUN", "behaviorClose": "-"})
        behavior, close = report["behavior"], report["behaviorClose"]
        verdict = PASSED.get(behavior, "failed")
        if close not in ("OK", "INFORMATIONAL"):
            verdict = "failed"
        counts[verdict] += 1
        if verdict in ("failed", "non-strict"):
            remarks.append(f"  {verdict} {case}: {behavior}, close: {close}")
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    print(f"autobahn: {len(wanted)} cases, {summary}")
    print("\n".join([*remarks, f"  reports: {out}"]))
    return bool(wanted) and not counts["failed"]


def main() -> None:
    match sys.argv[1:]:
        case ["spec", selection, url, out]:
            write_spec(selection, url, Path(out))
        case ["judge", out]:
            sys.exit(not judge(Path(out)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
