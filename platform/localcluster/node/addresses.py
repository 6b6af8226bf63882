"""The addresses of pods on this machine. Used by the node.

Linux answers on all of 127.0.0.0/8, so each pod has an address of its own there without any set-up: those
that listen on it (`$POD_IP`) may use the same port. Made from the uid, so that nobody has to remember it.
"""

import hashlib
from typing import Any

Obj = dict[str, Any]
HOST_IP = "127.0.0.1"


def pod_ip(pod: Obj) -> str:
    """127.64.0.1 to 127.127.255.254, the machine's own for a pod on the host's network."""
    if pod["spec"].get("hostNetwork"):
        return HOST_IP
    first, second, third = hashlib.blake2s(pod["metadata"]["uid"].encode(), digest_size=3).digest()
    return f"127.{64 + first % 64}.{second}.{1 + third % 254}"
