"""Every way a site can fail, who looks after it first, how soon, and what the customer hears.

The table is data and complete: a code without an entry, or an entry without a page in
``docs/runbooks/``, fails the tests.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Tier(StrEnum):
    """Who looks after it. Security stands beside the three tiers."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    SECURITY = "security"


class FailureCode(StrEnum):
    """What an install report or the scheduler can name as the cause."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    LOST_CONTACT = "lost_contact"
    POLICY_INVALID = "policy_invalid"
    NOT_ENROLLED = "not_enrolled"
    INCOMPATIBLE = "incompatible"
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    DOWNLOAD_FAILED = "download_failed"
    ARTIFACT_MISMATCH = "artifact_mismatch"
    INSTALL_FAILED = "install_failed"
    START_FAILED = "start_failed"
    UNHEALTHY = "unhealthy"
    INTERRUPTED = "interrupted"
    REVERT_FAILED = "revert_failed"
    ROLLOUT_STOPPED = "rollout_stopped"
    ROLLOUT_STANDS_STILL = "rollout_stands_still"
    DEADLINE_MISSED = "deadline_missed"
    REPORTED_BY_CUSTOMER = "reported_by_customer"
    METADATA_AGING = "metadata_aging"
    NOTIFICATION_UNDELIVERABLE = "notification_undeliverable"
    BREAKGLASS_REVIEW = "breakglass_review"
    REVIEW_OVERDUE = "review_overdue"
    UNTRUSTED_METADATA = "untrusted_metadata"
    EXPIRED_METADATA = "expired_metadata"
    ROLLBACK = "rollback"
    ROOT_WITHHELD = "root_withheld"
    CLOCK = "clock"
    TRUST_LOST = "trust_lost"
    FORGED_REPORT = "forged_report"
    AUDIT_CONTRADICTED = "audit_contradicted"


@dataclass(frozen=True)
class Failure:
    """What the support desk needs to know about a failure code.

    Attributes:
        tier: the tier that gets it first.
        answer_within: the SLA clock; unanswered by then, it goes up by one tier.
        sentence: what may be said to the customer, with no jargon and no other customer in it.
    """

    tier: Tier
    answer_within: timedelta
    sentence: str

    def runbook(self, code: FailureCode) -> str:
        """The page that says what to do, relative to the repository."""
        return f"docs/runbooks/{code.value}.md"


_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

FAILURES: dict[FailureCode, Failure] = {
    FailureCode.UNREACHABLE: Failure(
        Tier.L1, 8 * _HOUR, "Your site could not reach our update service; it keeps running."
    ),
    FailureCode.SILENT: Failure(
        Tier.L1, 8 * _HOUR, "We have not heard from your site for a while. Is it switched on?"
    ),
    FailureCode.LOST_CONTACT: Failure(
        Tier.L1, 4 * _HOUR, "Your site went silent in the middle of an update. We are checking it."
    ),
    FailureCode.POLICY_INVALID: Failure(
        Tier.L1, _DAY, "The settings of your site have a mistake, so it installs nothing for now."
    ),
    FailureCode.NOT_ENROLLED: Failure(
        Tier.L1, 8 * _HOUR, "Your site's registration with us is no longer valid."
    ),
    FailureCode.INCOMPATIBLE: Failure(
        Tier.L2, 8 * _HOUR, "This update does not fit your system; it was not installed."
    ),
    FailureCode.DISK_FULL: Failure(
        Tier.L2, 4 * _HOUR, "There is not enough free disk space for this update at your site."
    ),
    FailureCode.DISK_ERROR: Failure(
        Tier.L2, 2 * _HOUR, "The disk of your system reports errors; your version keeps running."
    ),
    FailureCode.DOWNLOAD_FAILED: Failure(
        Tier.L2, 8 * _HOUR, "The update could not be downloaded completely; it is tried again."
    ),
    FailureCode.ARTIFACT_MISMATCH: Failure(
        Tier.SECURITY, _HOUR, "What your site received was not what we signed; it was refused."
    ),
    FailureCode.INSTALL_FAILED: Failure(
        Tier.L2, 4 * _HOUR, "The update could not be installed; your version keeps running."
    ),
    FailureCode.START_FAILED: Failure(
        Tier.L2, 4 * _HOUR, "The new version did not start; your previous one is running again."
    ),
    FailureCode.UNHEALTHY: Failure(
        Tier.L2, 4 * _HOUR, "The new version did not work well; your previous one runs again."
    ),
    FailureCode.INTERRUPTED: Failure(
        Tier.L2, 8 * _HOUR, "The update was interrupted; your previous version is running."
    ),
    FailureCode.REVERT_FAILED: Failure(
        Tier.L3, _HOUR / 2, "Your site needs our engineers now; we are already on it."
    ),
    FailureCode.ROLLOUT_STOPPED: Failure(
        Tier.L3, _HOUR, "We stopped this update as a precaution; you need to do nothing."
    ),
    FailureCode.ROLLOUT_STANDS_STILL: Failure(
        Tier.L2, 8 * _HOUR, "This update waits while we look into how it went elsewhere."
    ),
    FailureCode.DEADLINE_MISSED: Failure(
        Tier.L1, 8 * _HOUR, "Your site does not have this update yet; we are finding out why."
    ),
    FailureCode.REPORTED_BY_CUSTOMER: Failure(
        Tier.L1, 4 * _HOUR, "We have written down what you told us and are looking into it."
    ),
    FailureCode.METADATA_AGING: Failure(
        Tier.L3, 4 * _HOUR, "Your site works as before; we are renewing something on our side."
    ),
    FailureCode.NOTIFICATION_UNDELIVERABLE: Failure(
        Tier.L2, 8 * _HOUR, "Your site works as before; a message of ours did not reach somebody."
    ),
    FailureCode.BREAKGLASS_REVIEW: Failure(
        Tier.L3, _DAY, "A repair at your site was made in a hurry; a second engineer checks it now."
    ),
    FailureCode.REVIEW_OVERDUE: Failure(
        Tier.SECURITY, 8 * _HOUR, "We are still checking a repair that was made in a hurry."
    ),
    FailureCode.UNTRUSTED_METADATA: Failure(
        Tier.SECURITY, _HOUR, "Your site refused something it could not verify. That is right."
    ),
    FailureCode.EXPIRED_METADATA: Failure(
        Tier.SECURITY, 4 * _HOUR, "Your site has had no fresh word from us and installs nothing."
    ),
    FailureCode.ROLLBACK: Failure(
        Tier.SECURITY, _HOUR, "Your site was offered something old and refused it. That is right."
    ),
    FailureCode.ROOT_WITHHELD: Failure(
        Tier.SECURITY, _HOUR, "Something keeps news of our keys from your site; it waits."
    ),
    FailureCode.CLOCK: Failure(
        Tier.SECURITY, 8 * _HOUR, "The clock of your system is wrong, so it installs nothing."
    ),
    FailureCode.TRUST_LOST: Failure(
        Tier.SECURITY, 2 * _HOUR, "Your site lost its record of what it trusts, and waits for us."
    ),
    FailureCode.FORGED_REPORT: Failure(
        Tier.SECURITY, _HOUR, "We received a message in your site's name that is not genuine."
    ),
    FailureCode.AUDIT_CONTRADICTED: Failure(
        Tier.SECURITY, _HOUR, "Your site is fine; it helps us to check our own records."
    ),
}
