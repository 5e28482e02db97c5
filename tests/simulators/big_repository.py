"""A repository of many products on the disk, made quickly: its past is signed, not published.

Signed by the product's own functions and the estate's people, so that everything that reads or
publishes finds nothing out of the ordinary; only the fsyncs of a hundred thousand files are left
out.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Targets

from distribution import home
from signing.delegations import delegate_product
from signing.metadata import add_signature, metadata_key, serialised, target_key
from signing.roles import RULES, TARGETS, life_of
from signing.signers import signer_for
from signing.update_repository import Repository, next_targets, target_file
from tests.simulators.estate import ENGINEERS, OFFICERS, PASSPHRASE, Estate

ARTIFACTS_OF_A_RELEASE = 4


def fill(estate: Estate, products: int, artifacts: int) -> Iterator[str]:
    """Add ``products`` products with ``artifacts`` artifacts each, and commit all of them at once.

    Yields:
        Their names, as they come.
    """
    repository = Repository.read(estate.store)
    names = [f"product-{number:05}" for number in range(products)]
    versions = {TARGETS: _delegated(estate, repository, names)}
    engineers = [_signer(estate, person) for person in ENGINEERS]
    for name in names:
        files = dict(_files(name, artifacts))
        _write_targets(estate, files)
        listed = [target_file(path, content) for path, content in files.items()]
        expires = estate.now + RULES["product"].life
        _sign(estate, name, Targets(1, expires=expires), engineers, listed)
        versions[name] = 1
        yield name
    _commit(estate, versions)


def _delegated(estate: Estate, repository: Repository, names: Iterable[str]) -> int:
    expires = estate.now + life_of(repository.root, TARGETS)
    targets = next_targets(repository.targets, repository.version(TARGETS) + 1, expires)
    people = [estate.public(person) for person in ENGINEERS]
    online = home.online_public_keys(estate.settings)["rollouts"]
    for name in names:
        delegate_product(targets, name, people, online)
    _sign(estate, TARGETS, targets, [_signer(estate, person) for person in OFFICERS], ())
    return targets.version


def _signer(estate: Estate, person: str) -> Signer:
    return signer_for(estate.key(person), [estate.public(person)], PASSPHRASE)


def _sign(
    estate: Estate, role: str, targets: Targets, signers: Iterable[Signer], listed: Iterable[Any]
) -> None:
    targets.targets.update({file.path: file for file in listed})
    metadata = Metadata(targets)
    for signer in signers:
        add_signature(metadata, signer)
    _write(estate, metadata_key(role, targets.version), serialised(metadata))


def _files(product: str, artifacts: int) -> Iterator[tuple[str, bytes]]:
    for release in range(artifacts // ARTIFACTS_OF_A_RELEASE):
        folder = f"releases/{product}/1.{release}"
        yield f"{folder}/manifest.json", f"the manifest of {folder}".encode()
        for number in range(ARTIFACTS_OF_A_RELEASE):
            name = f"{folder}/{product}-1.{release}-platform{number}.tar.zst"
            yield name, f"what is in {name}".encode()


def _write_targets(estate: Estate, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        _write(estate, target_key(path, hashlib.sha256(content).hexdigest()), content)


def _write(estate: Estate, key: str, content: bytes) -> None:
    file: Path = estate.settings.repository_folder / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _commit(estate: Estate, versions: dict[str, int]) -> None:
    from distribution.repository.commit import commit

    moment: datetime = estate.now
    commit(Repository.read(estate.store), versions, estate.online, moment)
