"""What came back from a site without a line: its reports, taken in as if it had sent them."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from distribution.control import fleet
from distribution.errors import Conflict, DistributionError, Invalid, NotFound, Unavailable
from distribution.repository import catalogue
from distribution.server import Server
from distribution.sites import check_ins, reports
from distribution.sites.media import RECEIPTS, STICK_LIFE
from distribution.sites.sealed import peeked
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.errors import ManifestError
from manifests.install_report import MAX_REPORT_BYTES

REPORT_SUFFIX, CHECK_IN_SUFFIX = ".report.dsse", ".check-in.dsse"


@dataclass
class Imported:
    """What came back."""

    new: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    """Names of files, each with the reason."""


def import_media(server: Server, folder: Path, now: datetime) -> Imported:
    """Take in what sites have written, as if they had sent it; again does no harm.

    Raises:
        NotFound: there is no such folder.
        Unavailable: the database does not answer; what was taken until then is kept.
    """
    receipts = folder / RECEIPTS
    if not receipts.is_dir():
        raise NotFound(f"{folder} has no folder {RECEIPTS!r}", hint="name the folder on the stick")
    done = Imported()
    for path in sorted(receipts.iterdir()):
        try:
            _take(server, path, done, now)
        except Unavailable:
            raise
        except (DistributionError, ManifestError) as error:
            done.refused.append(f"{path.name}: {error.message}")
    return done


def _take(server: Server, path: Path, done: Imported, now: datetime) -> None:
    if path.name.endswith(REPORT_SUFFIX):
        receipt = reports.accept(server.database, _read(path, MAX_REPORT_BYTES), now)
        done.known += receipt.duplicate
        done.new += not receipt.duplicate
    elif path.name.endswith(CHECK_IN_SUFFIX):
        _take_check_in(server, _read(path, check_ins.MAX_CHECK_IN_BYTES), now)


def _take_check_in(server: Server, data: bytes, now: datetime) -> None:
    """Only what is newer than what is known: a stick may come late."""
    said = peeked(data, CHECK_IN_TYPE, CheckIn)
    site = reports.known_site(server.database, said.site_id)
    known = fleet.check_in_of(site)
    if known is None or known.at < said.at:
        newest = catalogue.trust_state(server.store)
        due = now + STICK_LIFE
        check_ins.accept(server.database, data, server.settings, newest, now, next_by=due)


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise Conflict(f"cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise Invalid(f"is longer than {most_bytes} bytes")
    return data
