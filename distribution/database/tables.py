"""What the database holds. Rows only: what may happen to them is in the domain's modules.

Documents that others wrote (profiles, check-ins, manifests, envelopes) are kept as they were, so
that an older row is read by the same strict reader as a new message. Moments are aware and in UTC
on every database. Whatever counts things that a site sends is a BIGINT.
"""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel, UniqueConstraint

from distribution.database.columns import BigInt, big, later, moment, number, only_where, text

# Fixed names, so that a migration can name what it changes.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


# --- whose sites


class Client(SQLModel, table=True):
    """A customer organisation."""

    id: str = Field(primary_key=True)
    created_at: datetime = moment()
    language: str = ""
    """What its people read; empty: the server's own, see ``Settings.language``."""


class Site(SQLModel, table=True):
    """A place of a client's, and the last that we heard of it."""

    id: str = Field(primary_key=True)
    client_id: str = Field(foreign_key="client.id", index=True)
    profile: str = text()
    """``SiteProfile`` as JSON, with the ring that the site itself last told."""
    public_key: str
    enrolled_at: datetime = moment()
    last_seen: datetime = moment(index=True)
    expected_by: datetime | None = moment(default=None)
    """Of a site without a line: when its stick should be back; None of one that calls by itself."""
    check_in: str | None = Field(default=None, sa_type=Text)
    """The latest ``CheckIn`` as JSON."""
    check_in_digest: str = later("")
    """What the next one may repeat, see ``manifests.repetition``; empty: nothing."""
    root_version: int = big()
    timestamp_version: int = big()
    """The newest root, and of it the newest timestamp, that it has told to have seen."""
    problem: str = ""
    """The failure code that its latest check-in named; empty when it can be updated."""
    hold: str = text()
    """A reason to hold still, as support wrote it."""
    place_base: int = big()
    """Added to a report's sequence: an enrolment anew begins with 1 again, places go on."""
    revoked_at: datetime | None = moment(default=None, index=True)
    stamp: int = later(0, index=True)
    """``ChangeStamp.number`` when its key, its hold or its right to speak last changed."""


class SiteProduct(SQLModel, table=True):
    """What a site runs of one product, and what it said about the newest release of it."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    product: str = Field(primary_key=True, index=True)
    version: str | None = None
    candidate: str | None = Field(default=None, sa_type=Text)
    decision: str = ""
    gate: str = Field(default="", index=True)
    reason: str = text()
    lifted_by: str = ""
    until: datetime | None = moment(default=None)


class Invitation(SQLModel, table=True):
    """A one-use right to enrol one site; of its token only the hash is kept."""

    id: int | None = number()
    token_sha256: str = Field(unique=True)
    site_id: str = Field(index=True)
    profile: str = text()
    invited_by: str
    created_at: datetime = moment()
    expires_at: datetime = moment(index=True)
    used_at: datetime | None = moment(default=None)
    used_by_key: str | None = None


# --- what goes where when


class RolloutRow(SQLModel, table=True):
    """One release on its way to the sites."""

    __table_args__ = (UniqueConstraint("product", "version"),)

    id: int | None = number()
    product: str = Field(index=True)
    version: str
    release: str = Field(unique=True)
    """The target path of the manifest."""
    manifest: str = text()
    """The manifest as it was signed, without its lists of files: to plan with, not to trust."""
    schedule: str = text()
    only: str = text()
    """``SiteFilter`` as JSON."""
    state: str = Field(index=True)
    changed_by: str
    changed_at: datetime = moment()
    change_reason: str = text()
    started_at: datetime = moment()
    counted_from: datetime = moment()
    """Failures before this do not count: somebody has looked at them and resumed."""


class WaveRow(SQLModel, table=True):
    """A wave of a rollout; it is shut while ``opens_at`` is empty."""

    rollout_id: int = Field(primary_key=True, foreign_key="rolloutrow.id", sa_type=BigInt)
    number: int = Field(primary_key=True)
    """From 1."""
    opens_at: datetime | None = moment(default=None)
    spread_seconds: int
    up_to_basis_points: int


class RolloutChange(SQLModel, table=True):
    """Every state that a rollout was ever put into: who, when, why."""

    id: int | None = number()
    rollout_id: int = big(foreign_key="rolloutrow.id", index=True)
    state: str
    by: str
    at: datetime = moment()
    reason: str = text()


class PlanRow(SQLModel, table=True):
    """The plan that should be published for a product, written with the change that caused it."""

    product: str = Field(primary_key=True)
    serial: int = big()
    document: bytes = Field(sa_type=LargeBinary)


class DeltaRow(SQLModel, table=True):
    """What came of making the deltas from one version of a product to another."""

    product: str = Field(primary_key=True)
    from_version: str = Field(primary_key=True)
    to_version: str = Field(primary_key=True)
    paths: str = text()
    """The target paths of those that were worth publishing, with spaces between."""
    problem: str = text()
    """Why it failed; empty when it did not."""
    tries: int = 0
    at: datetime = moment()


# --- what sites told


class Receipt(SQLModel, table=True):
    """A report as the site signed it: evidence, and the queue of what is to be processed."""

    __table_args__ = (
        UniqueConstraint("site_id", "place"),
        # The queue alone: what is processed stays for ever, and nobody should read it again.
        Index("ix_receipt_waiting", "tries", "id", **only_where("processed_at IS NULL")),
    )

    id: int | None = number()
    site_id: str = Field(foreign_key="site.id")
    place: int = big()
    """Its place among all reports of the site: ``Site.place_base`` plus ``sequence``."""
    sequence: int = big()
    envelope: bytes = Field(sa_type=LargeBinary)
    sha256: str
    """Of the envelope's body."""
    public_key: str
    """The site's key at the time, with which anybody can verify the envelope."""
    received_at: datetime = moment()
    phase: str
    code: str | None = Field(default=None, index=True)
    """The failure that it reports, if it reports one: such a receipt must get an incident."""
    incident_id: int | None = big(default=None, foreign_key="incident.id", index=True)
    processed_at: datetime | None = moment(default=None)
    tries: int = 0


class Attempt(SQLModel, table=True):
    """One try of a site to install one release, as far as its reports tell."""

    __table_args__ = (UniqueConstraint("site_id", "attempt_id"),)

    id: int | None = number()
    site_id: str = Field(foreign_key="site.id", index=True)
    attempt_id: str
    product: str
    version: str
    release: str = Field(index=True)
    from_version: str | None = None
    phase: str
    code: str | None = None
    detail: str = text()
    place: int = big()
    """Of the newest report about it."""
    started_at: datetime = moment()
    moved_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)
    lost_at: datetime | None = moment(default=None)
    """When contact was given up; None again as soon as the site is heard of."""
    duration_seconds: float = 0
    downloaded_bytes: int = big()
    saved_bytes: int = big()


class Alarm(SQLModel, table=True):
    """Something the API saw that must become a ticket; one row for each site and kind."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    kind: str = Field(primary_key=True)
    code: str
    detail: str = text()
    seen: int = big()
    noted: int = big()
    """How many of them the desk has had."""
    last_at: datetime = moment()


# --- who looks after it


class Problem(SQLModel, table=True):
    """One cause, at however many sites; what the tiers see in their queue."""

    __table_args__ = (UniqueConstraint("product", "version", "signature"),)

    id: int | None = number()
    product: str = ""
    version: str = ""
    """Both empty: about sites, and not about a release."""
    signature: str
    code: str
    tier: str = Field(index=True)
    state: str = Field(index=True)
    detail: str = text()
    """As it was first seen."""
    opened_at: datetime = moment()
    closed_at: datetime | None = moment(default=None)
    due_at: datetime = moment(index=True)
    """The SLA clock: somebody should have answered by then."""
    owner: str = ""
    """Who has taken it; empty while nobody has."""
    answered_at: datetime | None = moment(default=None)
    """When somebody took it, which stops the clock of the tier that it is at."""
    log_tail: str = text()
    """Of the report that was seen first."""
    cause: str = text()
    """What L3 found."""
    hotfix: str = ""
    """The target path of the release that is to mend it."""
    known_issue_id: int | None = big(default=None, index=True)
    """The known issue that gathers its failures here."""
    reopened: int = 0
    part_of_id: int | None = big(default=None, foreign_key="problem.id", index=True)
    """The stopped rollout that gathers it."""


class Incident(SQLModel, table=True):
    """A problem at one site."""

    __table_args__ = (
        UniqueConstraint("problem_id", "site_id"),
        # Ten thousand incidents of one problem are asked about at each of them.
        Index("ix_incident_problem_id_state", "problem_id", "state"),
        Index("ix_incident_problem_id_client_id", "problem_id", "client_id", "state", "site_id"),
    )

    id: int | None = number()
    problem_id: int = big(foreign_key="problem.id")
    site_id: str = Field(foreign_key="site.id", index=True)
    client_id: str = Field(foreign_key="client.id")
    tier: str
    state: str = Field(index=True)
    detail: str = text()
    occurrences: int = big()
    reopened: int = 0
    last_place: int = big()
    """Place of the newest report that counted; 0 when no report caused it."""
    opened_at: datetime = moment()
    last_at: datetime = moment()
    closed_at: datetime | None = moment(default=None)
