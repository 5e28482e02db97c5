"""How each kind of step is done. They are the administrator's own commands, asked for by support.

Nothing here starts anything but what a signed manifest names.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from client_updater.agent import Agent
from client_updater.diagnostics import bundle
from client_updater.drift import Drift
from client_updater.installation import Installer
from client_updater.redaction import Redaction
from manifests.remote_steps import (
    MOST_DIFFERENCES,
    Diagnostics,
    DriftReport,
    Outcome,
    RemoteStep,
    StepKind,
)


@dataclass(frozen=True)
class Done:
    """What came of a step."""

    outcome: Outcome
    sentence: str
    drift: tuple[DriftReport, ...] = ()
    diagnostics: Diagnostics | None = None


def refused(sentence: str) -> Done:
    """Nothing was done."""
    return Done(Outcome.REFUSED, sentence)


@dataclass(frozen=True)
class Doing:
    """One site's way of doing them."""

    agent: Agent
    installer: Installer
    redacted: Redaction

    def do(self, step: RemoteStep) -> Done:
        """Do it, once.

        Raises:
            UpdateError: it could not be done, or not whole.
        """
        ways: Mapping[StepKind, Callable[[RemoteStep], Done]] = {
            StepKind.VERIFY: self._verify,
            StepKind.REPAIR: self._repair,
            StepKind.COLLECT: self._collect,
            StepKind.RESTART: self._restart,
            StepKind.RETRY: self._retry,
        }
        return ways[StepKind(step.kind)](step)

    def _drifts(self, step: RemoteStep) -> list[Drift]:
        products = self.agent.enrolment.profile.products
        names = products if step.product is None else (step.product,)
        versions = {name: self.agent.slots.current(name) for name in names}
        return [Drift(self.agent, name, version) for name, version in versions.items() if version]

    def _report(self, drift: Drift, mended: int = 0) -> DriftReport:
        found = [self.redacted(each.what) for each in drift.differences()]
        return DriftReport(
            product=drift.product,
            version=drift.version,
            differences=tuple(found[:MOST_DIFFERENCES]),
            different=len(found),
            mended=mended,
        )

    def _verify(self, step: RemoteStep) -> Done:
        reports = tuple(self._report(drift) for drift in self._drifts(step))
        if not reports:
            return refused("nothing of that is installed here")
        return Done(Outcome.DONE, "; ".join(map(_found, reports)), reports)

    def _repair(self, step: RemoteStep) -> Done:
        reports = tuple(self._repaired(self._drifts(step)))
        if not reports:
            return refused("nothing of that is installed here")
        return Done(Outcome.DONE, "; ".join(map(_mended, reports)), reports)

    def _repaired(self, drifts: list[Drift]) -> Iterator[DriftReport]:
        for drift in drifts:
            broken = [each for each in drift.repair() if each.entry is not None]
            yield self._report(drift, mended=len(broken))

    def _collect(self, _: RemoteStep) -> Done:
        return Done(Outcome.DONE, "collected", diagnostics=bundle(self.agent, self.redacted))

    def _restart(self, step: RemoteStep) -> Done:
        product = step.product or ""
        version = self.agent.slots.current(product)
        if version is None:
            return refused(f"nothing of {product} is installed here")
        installed = self.installer.installed(product, version)
        if installed.release.manifest.install.service is None:
            return refused(f"{product} {version} has no service of its own")
        self.agent.services.stop(installed)
        self.agent.services.start(installed)
        self.installer.confirmation.check_health(installed)
        return Done(Outcome.DONE, f"{product} {version} was restarted and is healthy")

    def _retry(self, step: RemoteStep) -> Done:
        product, version = step.product or "", step.version or ""
        record = self.agent.products.read(product)
        rearmed = record.rearmed(version)
        if rearmed == record:
            return refused(f"{product} {version} has not failed here; there is nothing to re-arm")
        self.agent.products.write(product, rearmed)
        return Done(
            Outcome.DONE,
            f"{product} {version} is tried again at the next poll, if every gate lets it in",
        )


def _found(report: DriftReport) -> str:
    name = f"{report.product} {report.version}"
    if not report.different:
        return f"{name} is what was signed"
    return f"{name} differs from what was signed: {report.different}"


def _mended(report: DriftReport) -> str:
    left = f", left alone: {report.different}" if report.different else ""
    return f"{report.product} {report.version}: mended files: {report.mended}{left}"
