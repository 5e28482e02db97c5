"""All checks, in the order in which an operator would mend what they find."""

from distribution.doctor import (
    addresses,
    bucket,
    clocks,
    databases,
    expiries,
    keys,
    machine,
    mail,
    owners,
    scheduler,
    sites,
)
from distribution.doctor.findings import Check

ALL: tuple[tuple[str, Check], ...] = (
    *machine.CHECKS,
    *owners.CHECKS,
    *keys.CHECKS,
    *databases.CHECKS,
    *bucket.CHECKS,
    *clocks.CHECKS,
    *expiries.CHECKS,
    *scheduler.CHECKS,
    *addresses.CHECKS,
    *mail.CHECKS,
    *sites.CHECKS,
)
