"""Gets the texts of all endpoints of a cluster at the same time, each within limits of time and size.

One that hangs, drips or never ends costs its own answer, not those of others.
"""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass

import urllib3

from metrics.pieces import pieces
from runyard.clusters.connection import ApiError, ClusterError, Connection, Silent
from runyard.clusters.in_time import within
from runyard.clusters.unreached import says

MOST_BYTES = 64 * 2**20
#: Requests at the same time; each takes a thread that waits.
AT_ONCE = 16
READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A text with figures: `source` is what people know it as, `path` its path at the API server."""

    source: str
    node: str
    path: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`why` is empty where there is a `body`; `code` is the HTTP status of a refusal, else 0."""

    endpoint: Endpoint
    body: bytes = b""
    why: str = ""
    code: int = 0


def fetch_all(connection: Connection, endpoints: Iterable[Endpoint], seconds: float) -> Iterator[Answer]:
    """An answer for each, as they come, all within `seconds`."""
    deadline = time.monotonic() + seconds
    pool = ThreadPoolExecutor(AT_ONCE, "scrape")
    waiting: dict[Future[bytes], Endpoint] = {
        pool.submit(_fetch, connection, endpoint.path, deadline): endpoint for endpoint in endpoints
    }
    try:
        for done in as_completed(list(waiting), timeout=seconds):
            yield _answer(waiting.pop(done), done)
    except NotInTime:
        yield from (Answer(late, why=f"no answer within {seconds:.0f} seconds") for late in waiting.values())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(endpoint: Endpoint, done: "Future[bytes]") -> Answer:
    try:
        return Answer(endpoint, done.result())
    except ApiError as error:
        return Answer(endpoint, why=str(error), code=error.code)
    except (Silent, urllib3.exceptions.ReadTimeoutError):
        return Answer(endpoint, why="it did not answer in time")
    except ClusterError as error:
        return Answer(endpoint, why=str(error))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return Answer(endpoint, why=says("it", error))


def _fetch(connection: Connection, path: str, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ClusterError("its turn did not come in time")
    with within(left):
        response = connection.request("GET", path, read_seconds=min(READ_SECONDS, left))
        try:
            return _limited(pieces(response))
        finally:
            response.close()  # one that was read to its end has given its connection back


def _limited(parts: Iterator[bytes]) -> bytes:
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > MOST_BYTES:
            raise ClusterError(f"it answers more than {MOST_BYTES >> 20} MiB")
    return bytes(body)
