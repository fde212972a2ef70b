#!/usr/bin/env bash
# Judge a WebSocket server by the Autobahn testsuite.
#
#   run.sh [SET] [URL]
#
# SET   fast    all but masses of data and compression: 247 cases, some 10 s (the default)
#       noecho  what a server can be judged on that reads and validates, but does not echo
#       all     all 517 cases, 11 to 16 minutes
#       or patterns with commas between them: '6.*,7.1.*'
# URL   ws://127.0.0.1:PORT/PATH; without it an echo server made of our own codec is started.
#
# Environment: PYTHON (3, default: python3), PYTHON2 (a CPython 2.7; looked for where there is none),
# OUT (a directory for the reports; default: a new one under /tmp).
#
# Prints one line of counts, and one for each case that is not as it should be.
# Exit status: 0 no case failed, 1 some failed or did not run, 2 no server, 77 no CPython 2.7 here.
set -euo pipefail

set_of_cases=${1:-fast}
url=${2:-}
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tailws-autobahn
# Another list of packages is another environment.
venv=$cache/$(sha256sum "$here/requirements.txt" | cut -c 1-12)

say() { echo "autobahn: $*" >&2; }

find_python2() { # each candidate is run, for a shim of that name may have nothing behind it
    local candidate
    for candidate in "${PYTHON2:-}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 \
        /usr/bin/python2.7 /usr/local/bin/python2.7 python2.7; do
        if [ -n "$candidate" ] &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install() {
    local python2
    python2=$(find_python2) || { say "needs a CPython 2.7 (PYTHON2=...), there is none"; exit 77; }
    say "installing the testsuite into $venv (a minute, once)"
    rm -rf "$venv" "$venv.boot"
    {
        # The last virtualenv that makes environments for 2.7.
        "$python" -m venv "$venv.boot" &&
            "$venv.boot/bin/pip" install 'virtualenv==20.21.1' &&
            "$venv.boot/bin/virtualenv" --no-periodic-update -p "$python2" "$venv" &&
            "$venv/bin/pip" install --no-deps --prefer-binary -r "$here/requirements.txt" &&
            "$venv/bin/wstest" -a
    } >"$cache/install.log" 2>&1 || { tail -n 20 "$cache/install.log" >&2; exit 2; }
    rm -rf "$venv.boot"
    touch "$venv/complete"
}

mkdir -p "$cache"
(   # one at a time, where tests run beside each other
    flock 9
    [ -e "$venv/complete" ] || install
) 9>"$cache/lock"
[ "$set_of_cases" != install ] || exit 0

out=${OUT:-$(mktemp -d /tmp/autobahn.XXXXXX)}
mkdir -p "$out"
if [ -z "$url" ]; then
    coproc server { cd "$here/../.." && exec "$python" -m tests.ws.echo_server; }
    # shellcheck disable=SC2154 # coproc sets it
    trap 'kill "$server_PID" 2>/dev/null || true' EXIT
    read -r url <&"${server[0]}" || { say "the echo server did not start"; exit 2; }
fi

"$python" "$here/cases.py" spec "$set_of_cases" "$url" "$out"
status=0
timeout -k 10 5400 "$venv/bin/wstest" -m fuzzingclient -s "$out/spec.json" \
    >"$out/wstest.log" 2>&1 || status=$?
[ $status = 0 ] || say "wstest ended with $status, see $out/wstest.log"
"$python" "$here/cases.py" judge "$out"
