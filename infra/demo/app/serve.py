"""A branch office's small web program, on the real public package bottle.

Usage: serve.py --port PORT
"""

import argparse
import json
from pathlib import Path

import bottle

HERE = Path(__file__).resolve().parent


@bottle.get("/health")
def health() -> dict[str, str]:
    """What the agent's health check asks the running program."""
    prices()
    return {"bottle": bottle.__version__, "release": (HERE / "RELEASE").read_text().strip()}


@bottle.get("/prices")
def prices() -> dict[str, int]:
    """The price list that this release ships, in rupiah."""
    return dict(json.loads((HERE / "prices.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    bottle.run(host="127.0.0.1", port=parser.parse_args().port, quiet=True)
