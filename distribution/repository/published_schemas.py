"""The documents whose JSON Schemas are published, by the names that ``hsp schema`` takes."""

from collections.abc import Mapping

from manifests.check_in import (
    CheckIn,
    CheckInAnswer,
    Enrolment,
    EnrolmentAnswer,
    Invitation,
    ReportReceipt,
)
from manifests.documents import Document
from manifests.install_report import InstallReport
from manifests.release import ReleaseManifest
from manifests.rollout import RolloutPlan, Schedule
from manifests.site import SitePolicy

SCHEMAS: Mapping[str, type[Document]] = {
    "release-manifest": ReleaseManifest,
    "rollout-plan": RolloutPlan,
    "schedule": Schedule,
    "site-policy": SitePolicy,
    "invitation": Invitation,
    "enrolment": Enrolment,
    "enrolment-answer": EnrolmentAnswer,
    "check-in": CheckIn,
    "check-in-answer": CheckInAnswer,
    "install-report": InstallReport,
    "report-receipt": ReportReceipt,
}
