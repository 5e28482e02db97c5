"""Documents of every kind, as the code that is on the path writes them, with real signatures.

python -m tests.compatibility.writing FOLDER         with a release's tree first in PYTHONPATH
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from distribution.audit import examine
from distribution.receipts import export as receipts
from distribution.scheduling import scheduler
from manifests.target_paths import Lane
from signing import carrying, ceremony, propose
from signing.build_policy import BuildPolicy
from signing.update_repository import Repository
from tests.compatibility.examples import NOW
from tests.compatibility.messages import HEX, SITE_KEY, Written, messages
from tests.compatibility.rules import rules
from tests.simulators.estate import ON_CALL, PASSPHRASE, Estate
from tests.simulators.house import Clock, House


def records(folder: Path) -> Written:
    """A repository with a withdrawn release, proposals as text, a log, receipts; and the keys."""
    house = House.build(folder, Clock(NOW))
    try:
        estate = house.estate
        estate.now = NOW
        yield from _proposals(estate)
        yield "repository.json", _repository(estate)
        yield "key-file.pem", estate.key("sari").read_bytes()
        talker = house.site("shop", key=SITE_KEY)
        talker.confirms("1.0")
        talker.fails("2.0")
        scheduler.tick(house.server, house.clock.forward(3600))
        lines = list(examine.export(house.server.settings))
        yield "audit-export.jsonl", "".join(f"{line}\n" for line in lines).encode()
        yield "audit-checkpoint.json", json.loads(lines[-1])["checkpoint"].encode()
        with house.database.reading() as session:
            yield "receipts.jsonl", receipts.export(session, ("shop",), None, None).content
        yield "invitation.txt", talker.invited().to_text().encode()
        yield "keys.json", json.dumps(_keys(house)).encode()
    finally:
        house.database.close()


def _keys(house: House) -> dict[str, Any]:
    [audit_key] = house.server.settings.audit_keys_folder.glob("*.pub")
    return {
        "site": HEX,
        "receipts": HEX,
        "audit": audit_key.read_text(),
        "passphrase": PASSPHRASE,
        "now": NOW.isoformat(),
    }


def _proposals(estate: Estate) -> Written:
    estate.publish("1.0")
    hotfix = estate.propose(estate.build("1.0.post1"), Lane.HOTFIXES)
    bare = carrying.as_text(ceremony.prepare(hotfix, NOW).proposal)
    estate.sign(hotfix, *ON_CALL)
    proposal = ceremony.prepare(hotfix, NOW).proposal
    yield "proposal.txt", carrying.as_text(proposal).encode()
    both = {"proposal": bare, "signatures": carrying.signatures_as_text(proposal)}
    yield "signatures.json", json.dumps(both).encode()
    estate.publish_proposal(hotfix)


def _repository(estate: Estate) -> bytes:
    policy = BuildPolicy(builders=("https://ci.example/build",), sbom=True)
    repository = Repository.read(estate.store)
    draft = estate.draft("builds")
    propose.builds(repository, "app", policy, draft)
    estate.sign(draft.folder, *estate.officers)
    estate.publish_proposal(draft.folder)
    draft = estate.draft("withdrawal")
    propose.withdrawal(Repository.read(estate.store), "app", "1.0", "it loses prices", draft)
    estate.sign(draft.folder, "sari", "joko")
    estate.publish_proposal(draft.folder)
    estate.roll_out("1.0.post1", lane=Lane.HOTFIXES)
    repository = Repository.read(estate.store)
    names = ("targets", "app", "app.rollouts", "hotfixes")
    files = {name: repository.role_file(name).decode() for name in names}
    return json.dumps({"root": repository.root_files[-1].decode(), **files}).encode()


def write(folder: Path) -> None:
    """Every document into ``folder``, with the keys that they are verified by."""
    with tempfile.TemporaryDirectory() as scratch:
        for written in (messages(), rules(), records(Path(scratch))):
            for name, content in written:
                (folder / name).write_bytes(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
