"""THE CONSOLE: the same product, looked at in a browser.

Pages are read only. Whatever a page can do is a form that sends JSON to ``/v1``, so that a browser
has no way in that a program has not, with the same permissions, audit and errors. A page asks the
domain's functions as the API does; ``pages`` turns their answers into HTML (Jinja2), and errors
into pages. Live parts listen to ``/v1/events`` and fetch themselves anew.

Entry points: ``ROUTERS`` and ``mount_static(app)``. Files of others are in ``static/``, pinned.
Imports ``api.access`` and the domain; nothing imports it but ``api.application``.
"""

from distribution.console import (
    calendar,
    client,
    desk,
    door,
    fleet,
    releases,
    rollouts,
    site,
    trust,
)
from distribution.console.door import mount_static as mount_static

ROUTERS = tuple(
    each.router for each in (door, fleet, site, client, rollouts, desk, releases, calendar, trust)
)
"""The pages."""
