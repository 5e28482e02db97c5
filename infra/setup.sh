#!/bin/sh
# Make the virtual environment with exactly the packages of requirements.lock (with hashes).
# Needs Python 3.11 or newer; where Debian's venv module is missing, root gets it installed.
set -eu
venv=$1

for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "${python:-}" ]; then
    echo "setup: Python 3.11 or newer is needed (Debian: apt-get install python3)" >&2
    exit 69
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup: Python's venv module is missing (as root: apt-get install python3-venv)" >&2
        exit 69
    fi
    apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 69; }
}
echo "setup: $("$python" --version) into $venv ..."
run "$python" -m venv --clear "$venv"
# uv does in seconds what takes pip a minute. Where pip alone knows the way (a mirror in pip.conf), pip does it.
awk '/^[^ ]/ { ours = /^uv==/ } ours' requirements.lock >"$work/uv.lock"
run "$venv/bin/pip" install --no-input --require-hashes -r "$work/uv.lock"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --compile-bytecode \
    --require-hashes -r requirements.lock 2>/dev/null ||
    run "$venv/bin/pip" install --no-input --require-hashes -r requirements.lock
run "$venv/bin/pip" install --no-input --no-deps --no-build-isolation -e .
echo "setup: done"
