"""``python -m infra.docs_site [--serve]``: build the site, and show it at port 8800."""

import functools
import http.server
import sys

import click

from infra.docs_site.build import SITE, NotBuilt, build
from infra.docs_site.diagrams import NotDrawn
from infra.docs_site.links import BrokenLink

PORT = 8800


@click.command()
@click.option("--serve", is_flag=True, help="Show it to this machine until Ctrl-C.")
def main(serve: bool) -> None:
    """Build the documentation into build/site; every warning is an error."""
    try:
        build()
    except (NotBuilt, NotDrawn, BrokenLink) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    click.echo(f"{SITE}/index.html")
    if serve:
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
        click.echo(f"http://127.0.0.1:{PORT}/ until Ctrl-C")
        http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler).serve_forever()


if __name__ == "__main__":
    main()
