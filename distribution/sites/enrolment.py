"""How a site joins: a one-use invitation to one site, and a key that only the site has.

Staff invite; the site makes its key, signs its request with it, and the token in the request is
used up by that key. Asking again with the same key is an answer that got lost, and is answered
again.
"""

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution import audit
from distribution.backup import asking
from distribution.control.control_tables import SiteBoot
from distribution.database.sessions import Database
from distribution.database.tables import Client, Receipt, Site, SiteProduct
from distribution.database.tables import Invitation as InvitationRow
from distribution.errors import Conflict, Invalid, Misconfigured
from distribution.repository.catalogue import TrustState
from distribution.settings import Settings
from distribution.sites.sealed import check_signature, peeked, unauthorised
from manifests.check_in import (
    ENROLMENT_TYPE,
    INVITATION_LIFE,
    Enrolment,
    EnrolmentAnswer,
    Invitation,
)
from manifests.documents import parse_json, to_json
from manifests.site import SiteProfile

TOKEN_BYTES = 32


def invite(
    database: Database,
    profile: SiteProfile,
    trust: TrustState,
    settings: Settings,
    by: str,
    now: datetime,
    role: str = "",
) -> Invitation:
    """Invite a site; earlier invitations to it that nobody has used end here.

    Raises:
        Conflict: the site belongs to another client.
        Invalid: without any product, the site would never install anything.
        Misconfigured: the site would look for the repository where it is not.
        Unavailable: the database does not answer.
    """
    if not profile.products:
        raise Invalid(f"{profile.site_id} is to be invited without any product")
    if settings.store_url and not (settings.public_metadata_url and settings.public_targets_url):
        raise Misconfigured(
            f"the repository is in {settings.store_url}, and no setting says where sites read it",
            hint="set public_metadata_url and public_targets_url, to the CDN's or the bucket's own "
            "addresses of metadata/ and targets/; 'hsp doctor --only addresses' looks there",
        )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = InvitationRow(
        token_sha256=_hash(token),
        site_id=profile.site_id,
        profile=to_json(profile.model_dump(mode="json")).decode(),
        invited_by=by,
        created_at=now,
        expires_at=now + INVITATION_LIFE,
    )
    with database.writing() as session:
        _check_owner(session, profile)
        if session.get(Client, profile.client_id) is None:
            session.add(Client(id=profile.client_id, created_at=now))
        end_unused(session, profile.site_id, now)
        session.add(row)
        audit.note(session, audit.Deed(by, "site.invite", f"site {profile.site_id}", "", role), now)
    return _document(profile, token, trust, settings, row.expires_at)


def _document(
    profile: SiteProfile,
    token: str,
    trust: TrustState,
    settings: Settings,
    expires_at: datetime,
) -> Invitation:
    return Invitation(
        profile=profile,
        server_url=settings.public_url.rstrip("/"),
        metadata_url=settings.metadata_url,
        targets_url=settings.targets_url,
        root_version=trust.root_version,
        root_sha256=trust.root_sha256,
        token=token,
        expires_at=expires_at,
    )


def _check_owner(session: Session, profile: SiteProfile) -> None:
    existing = session.get(Site, profile.site_id)
    if existing is not None and existing.client_id != profile.client_id:
        raise Conflict(
            f"the site {profile.site_id} belongs to {existing.client_id}, not {profile.client_id}",
            hint="choose another name for the new site",
        )


def end_unused(session: Session, site_id: str, now: datetime) -> None:
    """End the invitations to a site that nobody has used."""
    unused = select(InvitationRow).where(
        col(InvitationRow.site_id) == site_id,
        col(InvitationRow.used_at).is_(None),
        col(InvitationRow.expires_at) > now,
    )
    for row in session.exec(unused):
        row.expires_at = now
        session.add(row)


STORING = 0x68737072
"""PostgreSQL's advisory lock: whoever stores reports beside the writers shares it (``appending``),
and who joins has it alone. The number means nothing."""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def enrol(database: Database, data: bytes, settings: Settings, now: datetime) -> EnrolmentAnswer:
    """Take a site in. The same key with the same token gets the same answer again.

    Raises:
        Malformed: not an envelope with an enrolment.
        ManifestError: a field of it is wrong.
        Unauthorised: not signed by its key, or the token is unknown, expired, for another site,
            or used by another key: all with one text.
        Unavailable: the database does not answer.
    """
    request = peeked(data, ENROLMENT_TYPE, Enrolment)
    check_signature(data, ENROLMENT_TYPE, request.public_key)
    with database.writing() as session:
        invitation = _invitation(session, request)
        if invitation.used_by_key is None:
            _use(session, invitation, request, now)
    return EnrolmentAnswer(site_id=request.site_id, poll_seconds=settings.poll_seconds)


def _invitation(session: Session, request: Enrolment) -> InvitationRow:
    wanted = select(InvitationRow).where(InvitationRow.token_sha256 == _hash(request.token))
    found = session.exec(wanted).one_or_none()
    if found is None or found.site_id != request.site_id:
        raise unauthorised()
    if found.used_by_key not in (None, request.public_key):
        raise unauthorised()
    return found


def _use(session: Session, invitation: InvitationRow, request: Enrolment, now: datetime) -> None:
    if invitation.expires_at <= now:
        raise unauthorised()
    invitation.used_at, invitation.used_by_key = now, request.public_key
    session.add(invitation)
    profile = SiteProfile.model_validate(parse_json(invitation.profile.encode(), "profile"))
    site = session.get(Site, profile.site_id) or Site(
        id=profile.site_id,
        client_id=profile.client_id,
        public_key=request.public_key,
        enrolled_at=now,
        last_seen=now,
    )
    _hold_places(session)
    site.profile, site.public_key = invitation.profile, request.public_key
    site.enrolled_at = site.last_seen = now
    site.revoked_at = None
    site.check_in_digest = ""  # the next check-in is heard in full
    site.place_base = _highest_place(session, site.id)
    session.add(site)
    session.flush()
    for product in profile.products:
        session.merge(SiteProduct(site_id=site.id, product=product))
    for boot in session.exec(select(SiteBoot).where(SiteBoot.site_id == site.id)).all():
        session.delete(boot)  # a new key begins anew, on whatever machine
    asking.joined(session, site)
    reason = f"invited by {invitation.invited_by}"
    audit.note(session, audit.Deed(f"site:{site.id}", "site.enrol", f"site {site.id}", reason), now)


def _hold_places(session: Session) -> None:
    """On PostgreSQL: wait for reports that are just being stored, and let later ones wait.

    The places of a site's reports go on after the last one that there is.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(STORING)))


def _highest_place(session: Session, site_id: str) -> int:
    wanted = select(func.max(Receipt.place)).where(Receipt.site_id == site_id)
    return session.exec(wanted).one() or 0
