#!/bin/sh
# Builds the agent as one file that needs a python3 and nothing else: build/hsp-updater.
#
#   infra/agent.sh VENV [PYTHON [TARGET]]
#
# PYTHON is the interpreter of the machines it is for (some parts are compiled for its minor version);
# Debian's own unless said otherwise. The dependencies are those of the lock file, by hash.
set -eu

VENV=$1
PYTHON=${2:-/usr/bin/python3}
TARGET=${3:-build/hsp-updater}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

"$VENV/bin/uv" pip compile pyproject.toml --extra agent --constraint requirements.lock \
  --python "$PYTHON" --generate-hashes --no-header --quiet --output-file "$WORK/requirements.txt"
"$VENV/bin/uv" pip install --quiet --require-hashes --only-binary :all: --python "$PYTHON" \
  --target "$WORK/site" --requirement "$WORK/requirements.txt"
cp -r client_updater manifests "$WORK/site/"
find "$WORK/site" -name __pycache__ -prune -exec rm -rf {} +
rm -rf "$WORK/site/bin"
mkdir -p "$(dirname "$TARGET")"
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$VENV/bin/python" -m infra.single_file.pack "$WORK/site" "$TARGET" "$version"
echo "$TARGET: $(wc -c < "$TARGET") bytes, for Python $version"
