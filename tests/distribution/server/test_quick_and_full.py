"""The quick way beside the full one; and reports, stored together and each acknowledged."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.api import application
from distribution.database.sessions import Database
from distribution.database.tables import Receipt
from distribution.errors import Unavailable
from distribution.quick import report_batches
from manifests.check_in import CHECK_IN_TYPE
from manifests.envelope import peek
from manifests.install_report import REPORT_TYPE, Phase
from tests.simulators.estate_databases import VARIABLE
from tests.simulators.house import Clock, House, Talker
from tests.simulators.postgres import Postgres
from tests.simulators.repeater import Repeater, memory_is_current, ready, remember, until
from tests.simulators.staff import api_of

# --- both ways say the same


def _messages(
    house: House, shop: Repeater, ward: Talker
) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Good ones and bad ones."""
    bearer = {"Authorization": f"Bearer {shop.token}"}
    body, signed = shop.say(), shop.site.sign_of_life()
    report, other = ward.message(Phase.CONFIRMED), ward.message(Phase.DOWNLOADING)
    for path, good in (("/v1/check-in", signed), ("/v1/reports", report), ("/v1/reports", other)):
        yield path, good, {}
        yield path, good, {"Content-Type": "text/plain"}
        yield path, good, {"Host": "elsewhere.test"}
        yield path, good, bearer
        yield path, good, {"Authorization": "Basic eDp5"}
        yield path, good.replace(b'"payload":', b'"payload": '), {}
        yield path, good[:-1], {}
        yield path, good + b"\n", {}
        yield path, good.replace(b"hsp.", b"hps."), {}
        yield path, b"", {}
        yield path, b"[]", {}
        yield path, b"\xff", {}
        yield path, b"x" * 300_000, {}
        forged = replace(ward, key=type(ward)("ward", house.server).key)
        yield path, forged.sealed(peek(good, _type_of(path)), _type_of(path)), {}
        stranger = replace(ward, site_id="nobody")
        yield path, stranger.sealed(peek(good, _type_of(path)), _type_of(path)), {}
    yield "/v1/check-in", body, bearer
    yield (
        "/v1/check-in",
        body,
        {"Authorization": bearer["Authorization"].replace("Bearer", "bearer")},
    )
    yield "/v1/check-in", body, {"Authorization": "Bearer "}
    yield "/v1/check-in", body, {}
    yield "/v1/check-in", body.replace(b'"at":"2026', b'"at":"2020'), bearer
    yield "/v1/check-in", body.replace(b'"at":"2026', b'"at":"2O26'), bearer
    yield "/v1/check-in", body.replace(b'audit_checkpoint":"', b'audit_checkpoint":"x'), bearer
    yield "/v1/check-in", body[:-1] + b',"ring":"pilot"}', bearer
    document = ward.document(7, Phase.CONFIRMED)
    for field, value in ((b'"sequence":7', b'"sequence":0'), (b"confirmed", b"perhaps")):
        wrong = ward.sealed(document.replace(field, value), REPORT_TYPE)
        yield "/v1/reports", wrong, {}
    yield (
        "/v1/reports",
        ward.sealed(ward.document(1, Phase.FAILED, code="disk_full"), REPORT_TYPE),
        {},
    )


def _type_of(path: str) -> str:
    return CHECK_IN_TYPE if path == "/v1/check-in" else REPORT_TYPE


@pytest.mark.both_databases
def test_both_ways_answer_the_same_to_good_and_to_bad_messages(
    house: House, quick: TestClient
) -> None:
    shop, ward = ready(house, quick), house.site("ward")
    plain = TestClient(
        application(house.server),
        base_url=house.server.settings.public_url,
        raise_server_exceptions=False,
    )  # its lifespan never began, so it remembers nothing
    messages = list(_messages(house, shop, ward))
    remember(quick, "shop", "ward")
    assert len(messages) > 50
    for number, (path, body, headers) in enumerate(messages):
        # The first time a report is new: each way gets one that the other has not seen.
        ways = (quick, plain) if number % 2 else (plain, quick)
        found = []
        for way in ways:
            way.post(path, content=body, headers=headers)
            answer = way.post(path, content=body, headers=headers)
            shown = {name: text for name, text in answer.headers.items() if name != "x-request-id"}
            assert len(answer.headers["x-request-id"]) == 16
            found.append((answer.status_code, shown, answer.content))
        assert found[0] == found[1], (path, body[:200], headers)


# --- reports


@pytest.mark.both_databases
def test_reports_that_come_at_once_are_stored_once_each(house: House, quick: TestClient) -> None:
    sites = house.sites(4)
    remember(quick, *(each.site_id for each in sites))
    messages = [site.message(Phase.DOWNLOADING) for site in sites for _ in range(10)]
    receipts: list[Any] = []

    def send(which: int) -> None:
        for message in messages[which:] + messages[:which]:
            receipts.append(quick.post("/v1/reports", content=message))

    threads = [threading.Thread(target=send, args=(7 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.status_code for each in receipts} == {200}
    assert sum(not each.json()["duplicate"] for each in receipts) == len(messages)
    with house.database.reading() as session:
        stored = session.exec(select(Receipt)).all()
    assert sorted(each.envelope for each in stored) == sorted(messages)


@pytest.mark.both_databases
def test_a_batch_that_fails_is_no_receipt_and_the_next_one_is_stored(
    house: House, quick: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:

    shop = house.site("shop")
    remember(quick, "shop")
    true, away = report_batches.store, [True]

    def store(database: Any, batch: Any) -> Any:
        if away:
            raise Unavailable("the database does not answer: it is away")
        return true(database, batch)

    monkeypatch.setattr(report_batches, "store", store)
    message = shop.message(Phase.DOWNLOADING)
    assert quick.post("/v1/reports", content=message).json()["duplicate"] is False  # by itself
    away.clear()
    assert quick.post("/v1/reports", content=message).json()["duplicate"] is True


def test_a_database_that_is_away_is_said_and_nothing_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    with Postgres() as postgres:
        monkeypatch.setenv(VARIABLE, "sqlite")
        house = House.build(tmp_path, Clock())
        house.database.close()
        url = postgres.new_database()
        settings = house.server.settings.model_copy(update={"database_url": url})
        house.server = replace(house.server, settings=settings, database=Database.open(settings))
        with api_of(house.server) as client:
            shop = ready(house, client)
            until(lambda: memory_is_current(client))
            postgres.stop()
            until(lambda: not memory_is_current(client))
            message = shop.site.message(Phase.DOWNLOADING)
            for answer in (client.post("/v1/reports", content=message), shop.repeat()):
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0
            postgres.start()
            assert client.post("/v1/reports", content=message).json()["duplicate"] is False
            until(lambda: memory_is_current(client))
        house.database.close()
