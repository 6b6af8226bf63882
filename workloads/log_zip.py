"""The logs of many pods as one zip file, made while it is sent: of no log more than a chunk is held.

Callers have asked `require(user, "read_logs", workload)`.
"""

import zipfile
from collections.abc import Iterable, Iterator

from runyard.clusters.connection import ClusterError
from workloads import logs
from workloads.models import Pod


class _Outbox:
    """A file that cannot be sought, as zipfile needs it: what was written since it was last emptied."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits elsewhere."""

    def empty(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def pack(pods: Iterable[Pod], *, timestamps: bool = False) -> Iterator[bytes]:
    """Chunks of a zip with a file POD-CONTAINER.log for each container; without a log it says why."""
    box = _Outbox()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[call-overload]
        for pod in pods:
            for container in [one["name"] for one in pod.containers] or ["main"]:
                with archive.open(f"{pod.name}-{container}.log", "w", force_zip64=True) as file:
                    for chunk in _log(pod, container, timestamps):
                        file.write(chunk)
                        if ready := box.empty():
                            yield ready
    yield box.empty()


def _log(pod: Pod, container: str, timestamps: bool) -> Iterator[bytes]:
    try:
        yield from logs.whole(pod, container, timestamps=timestamps)
    except ClusterError as error:
        yield f"[no log: {logs.unavailable(error)}]\n".encode()
