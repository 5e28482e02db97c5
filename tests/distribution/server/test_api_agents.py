"""The agents' story over a real socket, with the scheduler beside the API."""

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
import uvicorn

from distribution.api import application
from manifests.check_in import CheckInAnswer, EnrolmentAnswer, ReportReceipt
from manifests.install_report import MAX_REPORT_BYTES, Phase
from tests.simulators.house import House, Talker


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """The real server, scheduler included, on a real socket."""
    often = house.server.settings.model_copy(update={"scheduler_seconds": 0.1})
    app = application(replace(house.server, settings=often), schedule=True)
    web = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=web.run, kwargs={"sockets": [door]})
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        web.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def fetch(url: str, body: bytes | None = None, token: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.read()


def test_a_site_enrols_checks_in_and_reports(house: House, url: str, token: str) -> None:
    site = Talker("shop", house.server)
    site.invited()
    status, body = fetch(f"{url}/v1/enrol", site.enrolment())
    assert status == 200
    assert EnrolmentAnswer.from_bytes(body).poll_seconds == house.server.settings.poll_seconds

    site.installed = "1.0"
    status, body = fetch(f"{url}/v1/check-in", site.sign_of_life())
    assert status == 200
    assert CheckInAnswer.from_bytes(body).root_version == 1

    message = site.message(Phase.CONFIRMED)
    first, again = (
        ReportReceipt.from_bytes(fetch(f"{url}/v1/reports", message)[1]) for _ in range(2)
    )
    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.sha256 == again.sha256

    seen = json.loads(fetch(f"{url}/v1/sites/shop", token=token)[1])
    assert seen["site"]["products"][0]["version"] == "1.0"
    assert seen["receipts"] == 1


def test_the_scheduler_runs_beside_the_api(house: House, url: str, token: str) -> None:
    house.site("shop").fails()
    for _ in range(200):
        seen = json.loads(fetch(f"{url}/v1/tickets", token=token)[1])
        if seen["tickets"]:
            break
        time.sleep(0.05)
    assert seen["by_tier"]["L2"] == 1
    assert seen["failures_unexplained"] == 0


def test_a_body_over_the_limit_is_refused_before_it_is_read(house: House, url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    for head in (
        f"Content-Length: {MAX_REPORT_BYTES + 1}\r\n",
        "Transfer-Encoding: chunked\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as wire:
            wire.sendall(f"POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
            if "chunked" in head:
                chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
                wire.sendall(chunk * 3)  # more than the limit, and the end never comes
            assert b" 413 " in wire.recv(100).splitlines()[0]
    assert house.site("shop").report(Phase.CONFIRMED).sequence == 1
