"""``hsp serve``, and the groups of those who run the place: sites, rollouts, the desk."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import uvicorn

from distribution.cli import (
    brakes,
    calendars,
    client_reports,
    components,
    desk,
    planning,
    problems,
    receipts,
    repairs,
    reviews,
    rollouts,
    simulation,
    sites,
    staff,
    symptoms,
)
from distribution.errors import Misconfigured
from distribution.scheduling.loop import Scheduler
from distribution.server import Server
from distribution.settings import Settings
from distribution.telemetry import logs, traces

GRACE_SECONDS = 10


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(serve)
    program.add_command(schedule)
    sites.register(program)
    rollouts.register(program)
    desk.register(program)
    problems.register(program)
    symptoms.register(program)
    brakes.register(program)
    repairs.register(program)
    calendars.register(program)
    planning.register(program)
    simulation.register(program)
    components.register(program)
    reviews.register(program)
    staff.register(program)
    client_reports.register(program)
    receipts.register(program)


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Listen there, not where the settings say.")
@click.pass_obj
def serve(settings: Settings, listen: str | None) -> None:
    """Run the API, the scheduler and the repository, until SIGTERM."""
    # Here, so that no other command waits for the web framework to be imported.
    from distribution.api import application

    server = Server.open(settings)
    door = _door(*(_address(listen) if listen else (settings.listen_host, settings.listen_port)))
    host, port = door.getsockname()[:2]
    click.echo(f"listening on http://{host}:{port} (documentation: /docs)")
    app = application(server, schedule=not settings.api_only)
    with _telling(settings):
        _run(Draining(_config(app), app.state.ending, settings.drain_seconds), door)
    server.database.close()


@click.command()
@click.pass_obj
def schedule(settings: Settings) -> None:
    """Run only the scheduler, until SIGTERM; of several one leads, and the others wait."""
    if settings.api_only:
        raise Misconfigured(
            "a scheduler signs, and the setting api_only says that nothing signs here",
            hint="set HSP_API_ONLY=true for 'hsp serve' alone",
        )
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    server = Server.open(settings)
    scheduler = Scheduler(server)
    with _telling(settings):
        scheduler.start()
        click.echo(f"scheduling every {settings.scheduler_seconds:g} s")
        ending.wait()
        scheduler.stop()
    server.database.close()


@contextmanager
def _telling(settings: Settings) -> Iterator[None]:
    logs.set_up(settings.log_format)
    with traces.sent_to(settings.tracing_url):
        yield


class Draining(uvicorn.Server):
    """Goes on for a while after the first signal, and says meanwhile that it is about to end."""

    def __init__(self, config: uvicorn.Config, ending: threading.Event, seconds: float) -> None:
        super().__init__(config)
        self._ending, self._seconds = ending, seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop to listen when load balancers have found out; at a second signal at once."""
        end = super().handle_exit
        if self._ending.is_set() or not self._seconds:
            end(sig, frame)
            return
        self._ending.set()
        later = threading.Timer(self._seconds, end, (sig, frame))
        later.daemon = True  # it must not outlive a second signal
        later.start()


def _config(app: object) -> uvicorn.Config:
    from distribution.api.one_packet import OnePacket

    return uvicorn.Config(
        app,  # type: ignore[arg-type] # an ASGI application, which uvicorn types more narrowly
        http=OnePacket,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who somebody is comes from no header that anybody can write
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
    )


def _run(web: uvicorn.Server, door: socket.socket) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends gracefully and raises the signal again; by then everything is put away.
        signal.signal(number, lambda *_: None)
    web.run(sockets=[door])


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Misconfigured(f"--listen {text!r} is not HOST:PORT", hint="such as 127.0.0.1:8700")
    return host.strip("[]"), int(port)


def _door(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="another server may be running there; choose another with --listen",
        ) from error
