"""Free TCP ports of the loopback address, below those that outgoing connections take meanwhile."""

import errno
import random
import socket
import time
from contextlib import suppress

FREED_SECONDS = 10.0  # one that was killed may be about to go


def free() -> int:
    """A port that nothing listens on now. Somebody may be faster: who starts a server retries."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def becomes_free(port: int) -> bool:
    """Whether one can listen on it, now or within seconds. Raises OSError where waiting would not help."""
    ends = time.monotonic() + FREED_SECONDS
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            if time.monotonic() > ends:
                return False
            time.sleep(0.1)
        else:
            return True
