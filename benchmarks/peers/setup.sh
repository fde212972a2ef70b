#!/bin/sh
# Install the peers into a directory outside the source tree: setup.sh DIR
# Whatever cannot be had is left out with a line that says so; the benchmark shows it as skipped.
set -u
dir=${1:?usage: setup.sh DIR}
mkdir -p "$dir"

if [ ! -x "$dir/venv/bin/python" ] || ! "$dir/venv/bin/python" -c 'import picows, uvloop, websockets' 2>/dev/null; then
    python3 -m venv "$dir/venv" &&
        "$dir/venv/bin/pip" install --quiet picows uvloop websockets ||
        echo "skipped: picows and websockets do not install" >&2
fi

if command -v npm >/dev/null; then
    if [ ! -d "$dir/node_modules/ws" ] || [ ! -d "$dir/node_modules/frontail" ]; then
        npm install --silent --no-audit --no-fund --prefix "$dir" ws@8 frontail@4 >/dev/null ||
            echo "skipped: ws and frontail do not install" >&2
    fi
else
    echo "skipped: ws and frontail need npm" >&2
fi

if ! command -v websocketd >/dev/null && [ ! -x "$dir/usr/bin/websocketd" ]; then
    (cd "$dir" && apt-get download websocketd >/dev/null 2>&1 && dpkg -x websocketd_*.deb . && rm websocketd_*.deb) ||
        echo "skipped: no websocketd package" >&2
fi
exit 0
