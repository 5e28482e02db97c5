"""What staff see and say over the API."""

from starlette.testclient import TestClient

from distribution.repository.catalogue import read_target
from manifests.failures import FailureCode
from manifests.rollout import Ring, RolloutPlan, RolloutState
from manifests.target_paths import plan_path
from tests.simulators.estate_databases import written
from tests.simulators.house import PRODUCT, House, schedule

ALL = 10_000
REASON = {"reason": "prices are missing"}


def test_sites_come_in_pages(ani: TestClient, house: House) -> None:
    for number in range(5):
        house.site(f"s{number}", client_id="warung" if number else "apotek")
    seen, after = [], ""
    while True:
        page = ani.get("/v1/sites", params={"limit": 2, "after": after}).json()
        seen += [site["site_id"] for site in page["sites"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ["s0", "s1", "s2", "s3", "s4"]
    page = ani.get("/v1/sites", params={"client": "apotek"}).json()
    assert [site["site_id"] for site in page["sites"]] == ["s0"]


def test_a_pause_over_the_api_is_published_at_once_and_names_the_person(
    ani: TestClient, house: House
) -> None:
    house.site(ring=Ring.PILOT)
    house.start("2.0", schedule(100, ALL))
    answer = ani.post("/v1/rollouts/app/2.0/pause", json=REASON)
    assert answer.status_code == 200
    assert answer.json()["changes"][-1]["by"] == "ani"
    plan = RolloutPlan.from_bytes(read_target(house.server.store, plan_path(PRODUCT)))
    assert plan.rollouts[0].state is RolloutState.PAUSED
    assert ani.post("/v1/rollouts/app/2.0/pause", json=REASON).status_code == 409
    assert ani.post("/v1/rollouts/app/2.0/resume", json={}).status_code == 422
    assert ani.post("/v1/rollouts/app/2.0/resume", json=REASON).json()["state"] == "running"
    assert ani.post("/v1/rollouts/app/2.0/stop", json=REASON).json()["state"] == "stopped"


def test_a_rollout_shows_the_share_of_each_wave_and_what_comes_next(
    ani: TestClient, house: House
) -> None:
    pilots = [house.site(ring=Ring.PILOT) for _ in range(3)]
    house.start("2.0", schedule(100, ALL))
    pilots[0].confirms()
    pilots[1].fails()
    house.tick(1)
    seen = ani.get("/v1/rollouts/app/2.0").json()
    wave = seen["waves"][0]
    assert (wave["counts"]["confirmed"], wave["counts"]["failed"], wave["attempted"]) == (1, 1, 2)
    assert seen["phases"] == {"confirmed": 1, "reverted": 1}
    assert "watched until" in seen["outlook"]
    assert ani.get("/v1/rollouts?product=app").json() == [seen]


def test_explain_says_the_same_as_the_site_would(ani: TestClient, house: House) -> None:
    house.site("shop")
    house.start("2.0", schedule(ALL))
    (seen,) = ani.get("/v1/sites/shop/explain").json()
    assert seen["decision"] == "install"
    ani.post("/v1/rollouts/app/2.0/pause", json=REASON)
    (seen,) = ani.get("/v1/sites/shop/explain?product=app").json()
    assert seen["decision"] == "stay"
    assert seen["reason"] == "the rollout is paused (ani: prices are missing)"
    assert {gate["gate"]: gate["answer"] for gate in seen["gates"]}["held"] == "stay"


def test_releases_tickets_trust_and_overview(ani: TestClient, house: House) -> None:
    site = house.site("shop")
    house.start("2.0", schedule(ALL))
    site.fails()
    house.tick()
    (release,) = ani.get("/v1/releases").json()
    assert (release["product"], release["version"], release["lane"]) == ("app", "2.0", "releases")
    seen = ani.get("/v1/tickets?tier=L2").json()
    assert seen["tickets"][0]["code"] == FailureCode.UNHEALTHY
    assert ani.get("/v1/tickets?tier=L1").json()["tickets"] == []
    assert ani.get("/v1/trust").json()["root_sha256"] == house.estate.root_sha256
    overview = ani.get("/v1/overview").json()
    assert (overview["sites"], overview["receipts"]) == (1, 2)
    assert overview["failures_unexplained"] == 0


def test_the_first_token_is_kept_as_a_hash_and_in_a_file_of_mode_0600(house: House) -> None:
    file = house.server.settings.staff_token_file
    token = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert token.startswith("hsp-staff-")
    assert token.encode() not in written(house.server.settings)
