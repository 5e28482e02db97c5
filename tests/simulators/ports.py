"""Free ports of loopback for programs that are started a moment later.

Not from the range that the kernel hands out to outgoing connections: such a port can be taken again
before the program gets to it.
"""

import random
import socket

_BELOW_EPHEMERAL = range(15_000, 32_000)


def free_port() -> int:
    """A port on which nothing listens at the moment, and which no connection is given."""
    while True:
        port = random.SystemRandom().choice(_BELOW_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
