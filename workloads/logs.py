"""Reads container logs from the cluster: the end of one, the whole of one, or one as it is written.

Lines are numbered from 0 at the start of what the cluster still has. Text is hostile: escape it.
Callers have asked `require(user, "read_logs", workload)`. Errors: ClusterError, in words.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import urllib3
from django.db import connection

from runyard.clusters.connection import ApiError, ClusterError, Unreachable, connect, interrupt
from workloads.models import Pod

LONGEST_LINE = 64 * 1024
ANSWER_SECONDS, FOLLOW_SILENCE_SECONDS = 10.0, 120.0
Line = tuple[str, str]  # RFC 3339 time with nanoseconds, text


@dataclass
class LogPage:
    """Some lines of a log; `first` is the number of the first; `error` says why there are none."""

    first: int = 0
    lines: list[Line] = field(default_factory=list)
    error: str = ""


class Lines:
    """Cuts chunks of bytes into lines of at most LONGEST_LINE bytes; what is cut off is counted, not kept."""

    def __init__(self) -> None:
        self._rest, self._dropped = b"", 0

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that `chunk` completes."""
        *whole, rest = chunk.split(b"\n")
        done = []
        for part in whole:
            self._keep(part)
            done.append(self._line())
        self._keep(rest)
        return done

    def finish(self) -> list[Line]:
        """The last line, where it has no line end."""
        return [self._line()] if self._rest else []

    def _keep(self, part: bytes) -> None:
        room = LONGEST_LINE - len(self._rest)
        self._rest += part[:room]
        self._dropped += max(0, len(part) - room)

    def _line(self) -> Line:
        time, _, text = self._rest.decode("utf-8", "replace").partition(" ")
        if self._dropped:
            text += f" … {self._dropped} more bytes; the download has them"
        self._rest, self._dropped = b"", 0
        return time, text


class LogStream:
    """An open log of one container; iterate for chunks of bytes, once."""

    def __init__(self, pod: Pod, container: str, **options: str):
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log"
        silence = FOLLOW_SILENCE_SECONDS if "follow" in options else ANSWER_SECONDS
        found = connect(pod.cluster)
        _let_go_of_the_database()
        self._response: urllib3.BaseHTTPResponse = found.request(
            "GET", path, {"container": container, **options}, read_seconds=silence
        )

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream(65_536, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            raise Unreachable("The log stream broke off.") from error
        finally:
            self._response.close()

    def interrupt(self) -> None:
        """From another thread: end a reader that waits."""
        interrupt(self._response)


def _let_go_of_the_database() -> None:
    """A request that waits for a slow cluster must not keep one of the pool's connections meanwhile."""
    if not connection.in_atomic_block:
        connection.close()


def whole(pod: Pod, container: str, *, previous: bool = False, timestamps: bool = False) -> Iterator[bytes]:
    """All of a log, for a download; one that breaks off says so at its end. Raises ClusterError at once."""
    return _to_the_end(LogStream(pod, container, **_options(previous=previous, timestamps=timestamps)))


def _to_the_end(stream: LogStream) -> Iterator[bytes]:
    try:
        yield from stream
    except ClusterError as error:
        yield f"\n[the log breaks off here: {error}]\n".encode()


def follow(pod: Pod, container: str, *, previous: bool = False, since: str = "") -> LogStream:
    """The log as it is written, with times; `since` an RFC 3339 time, to the second inclusive."""
    options = _options(previous=previous, timestamps=True, follow=True)
    return LogStream(pod, container, **options, **({"sinceTime": since} if since else {}))


def tail(pod: Pod, container: str, count: int, *, previous: bool = False) -> LogPage:
    """The last `count` lines. Never raises: why there are none stands in `error`."""
    try:
        found = LogStream(pod, container, **_options(previous=previous, timestamps=True))
        return _last(found, count)
    except ClusterError as error:
        return LogPage(error=unavailable(error))


def _last(chunks: Iterable[bytes], count: int) -> LogPage:
    cutter, kept, seen = Lines(), deque[Line](maxlen=count), 0
    for chunk in chunks:
        lines = cutter.feed(chunk)
        kept.extend(lines)
        seen += len(lines)
    lines = cutter.finish()
    kept.extend(lines)
    return LogPage(first=seen + len(lines) - len(kept), lines=list(kept))


def unavailable(error: ClusterError) -> str:
    """Why a log cannot be shown, in words."""
    if isinstance(error, ApiError) and error.code == 404:
        return "The cluster has forgotten this pod, and its log with it."
    if isinstance(error, ApiError) and error.code == 400 and "waiting" in str(error):
        return "The container has not started yet."
    return str(error)


def _options(**flags: bool) -> dict[str, str]:
    return {name: "true" for name, wanted in flags.items() if wanted}
