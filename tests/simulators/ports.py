"""Free ports of loopback for programs that are started a moment later.

Not from the range that the kernel hands out to outgoing connections: such a port can be taken again
before the program gets to it. For the same reason a port is claimed by a file: another test's
process, which sees that nothing listens there yet, does not take it, too.
"""

import os
import random
import socket
import tempfile
import time
from pathlib import Path

_BELOW_EPHEMERAL = range(15_000, 32_000)
_CLAIMS = Path(tempfile.gettempdir()) / f"hsp-test-ports-{os.getuid()}"
_CLAIMED_SECONDS = 900


def free_port() -> int:
    """A port on which nothing listens at the moment, and which nobody else is given."""
    _CLAIMS.mkdir(exist_ok=True)
    while True:
        port = random.SystemRandom().choice(_BELOW_EPHEMERAL)
        if _claimed(_CLAIMS / str(port)) and _is_free(port):
            return port


def _claimed(claim: Path) -> bool:
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        if time.time() - claim.stat().st_mtime < _CLAIMED_SECONDS:
            return False
        claim.touch()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
