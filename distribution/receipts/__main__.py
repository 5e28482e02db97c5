"""``python -m distribution.receipts verify FILE --key KEY``: for whoever has no server."""

import click

from distribution.receipts.command import verify
from manifests.terminal import Program


@click.group(cls=Program)
def main() -> None:
    """Verify what sites have signed."""


main.add_command(verify)

if __name__ == "__main__":
    main(prog_name="python -m distribution.receipts")
