"""A container's log as its cluster has it: opened, cut into lines; and whether more will come of it.

Errors: ClusterError, in words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import urllib3
from django.db import connection

from runyard.clusters import objects
from runyard.clusters.connection import ApiError, ClusterError, Unreachable, connect, interrupt
from workloads.keeping.text import Again, Cutter, Place
from workloads.models import Pod

ANSWER_SECONDS, FOLLOW_SILENCE_SECONDS = 10.0, 600.0
CHUNK_BYTES = 65_536
Line = tuple[str, str]  # RFC 3339 time with nanoseconds, text
_pod = msgspec.json.Decoder(objects.Pod)


class LogStream:
    """An open log of one container; iterate for chunks of bytes, once."""

    def __init__(self, pod: Pod, container: str, **options: str):
        path = f"{_path(pod)}/log"
        silence = FOLLOW_SILENCE_SECONDS if "follow" in options else ANSWER_SECONDS
        found = connect(pod.cluster)
        let_go_of_the_database()
        self._response: urllib3.BaseHTTPResponse = found.request(
            "GET", path, {"container": container, **options}, read_seconds=silence
        )

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream(CHUNK_BYTES, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            raise Unreachable("The log stream broke off.") from error
        finally:
            self._response.close()

    def interrupt(self) -> None:
        """From another thread: end a reader that waits."""
        interrupt(self._response)


def let_go_of_the_database() -> None:
    """A request that waits for a slow cluster must not keep one of the pool's connections meanwhile."""
    if not connection.in_atomic_block:
        connection.close()


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"


def follow(pod: Pod, container: str, *, previous: bool = False, place: Place | None = None) -> LogStream:
    """The log as it is written, with times, from the second of `place` on."""
    more = place.options() if place else {}
    return LogStream(pod, container, **options(previous=previous, timestamps=True, follow=True), **more)


def options(**flags: bool) -> dict[str, str]:
    """Those of a log request that are wanted."""
    return {name: "true" for name, wanted in flags.items() if wanted}


def rest(pod: Pod, container: str, place: Place, *, previous: bool = False) -> Iterator[bytes]:
    """What the cluster has of a log beyond `place`, now: blocks of whole lines with times. Raises at once."""
    stream = LogStream(pod, container, **options(previous=previous, timestamps=True), **place.options())
    return _beyond(stream, Again(place))


def _beyond(stream: Iterable[bytes], again: Again) -> Iterator[bytes]:
    """Blocks of the lines of `stream` that are not sent again."""
    cutter = Cutter()
    for chunk in stream:
        yield new_of(again, cutter.feed(chunk))
    yield new_of(again, cutter.finish())


def new_of(again: Again, block: bytes) -> bytes:
    """The lines of `block` that were not read before."""
    if again.over or not block:
        return block
    lines = block.split(b"\n")
    known = again.known([line[:40].partition(b" ")[0].decode("latin-1") for line in lines[:-1]])
    return b"\n".join(lines[known:])


def lines_of(block: bytes) -> list[Line]:
    """Whole lines as (time, text); what is no UTF-8 becomes replacement characters."""
    return [as_line(raw) for raw in block.split(b"\n")[:-1]]


def block_of(lines: Iterable[Line]) -> bytes:
    """Such lines as a block."""
    return "".join(f"{time} {text}\n" for time, text in lines).encode("utf-8", "replace")


def as_line(raw: bytes) -> Line:
    time, _, text = raw.decode("utf-8", "replace").partition(" ")
    return time, text


@dataclass(frozen=True, slots=True)
class Run:
    """The latest run of a container: its number (how often it was restarted), and whether it goes on."""

    number: int = 0
    started: bool = True
    over: bool = True
    gone: bool = False  # the pod is not there any more
    waits: bool = False  # to run again: as the previous run the cluster has this one, and none before it


def latest_run(pod: Pod, container: str) -> Run:
    """Asked of the cluster now. Raises ClusterError when it cannot say."""
    try:
        found = _pod.decode(connect(pod.cluster).read("GET", _path(pod), read_seconds=ANSWER_SECONDS))
    except ApiError as error:
        if error.code == 404:
            return Run(gone=True)
        raise
    except msgspec.MsgspecError as error:
        raise Unreachable(f"The cluster's pod cannot be read: {error}") from error
    if found.metadata.uid != pod.uid:
        return Run(gone=True)
    return _run(found, container)


def _run(pod: objects.Pod, container: str) -> Run:
    every = [*(pod.status.container_statuses or ()), *(pod.status.init_container_statuses or ())]
    status = next((one for one in every if one.name == container), None)
    if status is None or status.state is None:
        return Run(started=False, over=pod.status.phase in ("Succeeded", "Failed"))
    waits_again = bool(status.state.waiting and status.last_state and status.last_state.terminated)
    over = bool(status.state.terminated) or waits_again
    return Run(status.restart_count, over or bool(status.state.running), over, waits=waits_again)


def unavailable(error: ClusterError) -> str:
    """Why a log cannot be shown, in words."""
    if isinstance(error, ApiError) and error.code == 404:
        return "The cluster has forgotten this pod, and nothing of its log was kept."
    if isinstance(error, ApiError) and error.code == 400 and "waiting" in str(error):
        return "The container has not started yet."
    return str(error)
