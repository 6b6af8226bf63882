"""Free TCP ports of the loopback address, below those that outgoing connections take meanwhile."""

import random
import socket
from contextlib import suppress


def free() -> int:
    """A port that nothing listens on now. Somebody may be faster: who starts a server retries."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
