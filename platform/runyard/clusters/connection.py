"""One way to a cluster: the Kubernetes API over HTTP, through the official client's transport.

The official client does configuration, authentication and TLS; bodies stay bytes in both directions.
Only this module and `access` import `kubernetes`. Errors: `Unreachable` (no answer) and `ApiError` (an answer
that refuses), both `ClusterError`, with words for people.
"""

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3
from kubernetes import client

from runyard.clusters.access import Access, access_of, configuration
from runyard.clusters.in_time import POOLS, within
from runyard.clusters.models import Cluster
from runyard.clusters.objects import Meta, OnlyMeta, Status
from runyard.clusters.unreached import shown, words
from runyard.kit.turns import step_aside

CONNECT_SECONDS, READ_SECONDS, REFUSAL_SECONDS = 5.0, 30.0, 5.0
TIMES_AS_LONG = 4  # as to begin an answer may it take to end: lists of large clusters are long
REFUSAL_BYTES = 2**16
_GZIP = 16 + zlib.MAX_WBITS  # what zlib calls the form of gzip
MERGE = "application/merge-patch+json"
_status = msgspec.json.Decoder(Status)
_only_meta = msgspec.json.Decoder(OnlyMeta)


class ClusterError(Exception):
    """The cluster could not do what was asked; the message is for people."""


class Unreachable(ClusterError):
    """No answer: refused, timed out, cut, or no usable kubeconfig."""


class Silent(Unreachable):
    """What was asked was taken, and nothing said to it in time."""


class ApiError(ClusterError):
    """The API server refused. `code` and `reason` are Kubernetes' own."""

    def __init__(self, code: int, reason: str, message: str, retry_after: float | None = None):
        super().__init__(message or reason or f"HTTP {code}")
        self.code, self.reason, self.retry_after = code, reason, retry_after


class Connection:
    """Requests to one API server: that of `context`, or of the file's own. Safe to share between threads."""

    def __init__(self, kubeconfig: str, context: str = ""):
        try:
            settings, self._until = configuration(kubeconfig, context)
        except ValueError as error:
            raise Unreachable(str(error)) from error
        self._api = client.ApiClient(settings, pool_threads=1)
        self._pool = self._api.rest_client.pool_manager
        self._pool.pool_classes_by_scheme = POOLS

    def request(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        read_seconds: float = READ_SECONDS,
        accept: str = "application/json",
        encoding: str = "identity",
    ) -> urllib3.BaseHTTPResponse:
        """Send one request and return the open, unread response. Raises ClusterError.

        Its head has to be there within `read_seconds`; what follows may pause for as long, and has no end.
        Within a page's request the turn goes to the next: clusters may take long to answer.
        """
        step_aside()
        headers = {"Accept": accept, "Accept-Encoding": encoding, "User-Agent": "runyard"}
        if body is not None:
            headers["Content-Type"] = content_type
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
        url = self._api.configuration.host + path + (f"?{urlencode(params)}" if params else "")
        try:
            with within(CONNECT_SECONDS + read_seconds):
                response = self._pool.request(
                    method,
                    url,
                    headers=headers,
                    body=None if body is None else json.dumps(body).encode(),
                    preload_content=False,
                    retries=False,
                    timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            kind = Silent if isinstance(error, urllib3.exceptions.ReadTimeoutError) else Unreachable
            where = shown(self._api.configuration.host)
            raise kind(f"The cluster does not answer: {words(where, error)}") from error
        if response.status >= 400:
            raise _refusal(response)
        return response

    def read(self, method: str, path: str, read_seconds: float = READ_SECONDS, **options: Any) -> bytes:
        """One whole answer, within four times `read_seconds`; a long one comes packed, a fifteenth of it."""
        try:
            with within(TIMES_AS_LONG * read_seconds):
                options |= {"encoding": "gzip", "read_seconds": read_seconds}
                return self.request(method, path, **options).data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"The cluster's answer broke off: {words('it', error)}") from error

    def lines(self, path: str, params: dict[str, Any], read_seconds: float) -> "Lines":
        """The lines of a stream, as they come. Raises Unreachable when nothing came for `read_seconds`."""
        return Lines(self.request("GET", path, params, read_seconds=read_seconds))

    def meta(self, path: str) -> Meta:
        """The metadata of one object."""
        return _meta_of(self.read("GET", path))

    def create(self, path: str, manifest: dict[str, Any]) -> str:
        """Create one object; its uid."""
        return _meta_of(self.read("POST", path, body=manifest)).uid

    def patch(self, path: str, change: dict[str, Any]) -> None:
        """JSON merge patch."""
        self.read("PATCH", path, body=change, content_type=MERGE)

    def access(self) -> Access:
        """The way in as it is now, for streams that other clients carry. Raises Unreachable."""
        headers: dict[str, str] = {}
        self._api.update_params_for_auth(headers, [], ["BearerToken"], "/", "GET", None)
        try:
            return access_of(self._api.configuration, headers)
        except ValueError as error:
            raise Unreachable(str(error)) from error

    @property
    def is_over(self) -> bool:
        """Whether what a plugin gave us to come in with has expired: a connection made anew asks it again."""
        return self._until is not None and self._until <= datetime.now(UTC)

    def delete(self, path: str, uid: str = "", propagation: str = "Background") -> None:
        """Delete one object, and only the one of that uid when given."""
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        self.read("DELETE", path, body=body)


class Lines:
    """The whole lines of an open response; never holds more than one line and one chunk."""

    def __init__(self, response: urllib3.BaseHTTPResponse):
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        """Ends when the server ends the stream. Raises Unreachable when it breaks off."""
        rest = b""
        try:
            for chunk in self._response.stream(65_536, decode_content=True):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"The cluster's stream broke off: {words('it', error)}") from error
        finally:
            self._response.close()
        if rest:
            raise Unreachable("The cluster's stream ended inside a line.")

    def interrupt(self) -> None:
        """From another thread: have a waiting reader see the end of the stream."""
        interrupt(self._response)


def interrupt(response: urllib3.BaseHTTPResponse) -> None:
    """Shut an open response down; its reader, in whatever thread, gets an error or the end."""
    with suppress(OSError, ValueError, RuntimeError):
        response.shutdown()


def _meta_of(body: bytes) -> Meta:
    try:
        return _only_meta.decode(body).metadata
    except msgspec.MsgspecError as error:
        raise Unreachable(f"What answers is no Kubernetes API: {error}") from error


def _refusal(response: urllib3.BaseHTTPResponse) -> ApiError:
    try:
        status = _status.decode(_start(response))
    except msgspec.MsgspecError:
        status = Status(message=f"HTTP {response.status} without a Kubernetes Status")
    after = response.headers.get("Retry-After", "")
    return ApiError(
        response.status,
        status.reason or "",
        status.message or "",
        float(after) if after.isdigit() else None,
    )


def _start(response: urllib3.BaseHTTPResponse) -> bytes:
    """The first 64 KiB, or what came of them in time: behind a proxy path anybody may answer, at any pace.

    Unpacked at the end: in between that waits until something comes out, however long.
    """
    said = b""
    with suppress(urllib3.exceptions.HTTPError, OSError), response, within(REFUSAL_SECONDS):
        while len(said) < REFUSAL_BYTES and (more := response.read1(REFUSAL_BYTES, decode_content=False)):
            said += more
    if response.headers.get("Content-Encoding") != "gzip":
        return said
    try:
        return zlib.decompressobj(_GZIP).decompress(said, REFUSAL_BYTES)
    except zlib.error:
        return b""


class _Kept:
    """The connection by one kubeconfig: made anew once what a plugin gave us has expired, by one thread."""

    def __init__(self, kubeconfig: str):
        self._kubeconfig, self._turn = kubeconfig, Lock()
        self._made: Connection | None = None

    def get(self) -> Connection:
        """Raises Unreachable. Streams that are open go on with what they have."""
        with self._turn:
            if self._made is None or self._made.is_over:
                self._made = Connection(self._kubeconfig)
            return self._made


@lru_cache(maxsize=64)
def _kept(kubeconfig: str, stamp: float) -> _Kept:
    return _Kept(kubeconfig)


def connect(cluster: Cluster) -> Connection:
    """The connection to `cluster`; a changed kubeconfig file makes a new one. Raises Unreachable."""
    if not cluster.kubeconfig:
        raise Unreachable(
            f"The cluster {cluster.name} has no kubeconfig, so nothing can be asked of it. Who runs Runyard"
            " can give it one; a cluster of demo data never has one."
        )
    try:
        stamp = Path(cluster.kubeconfig).stat().st_mtime
    except OSError as error:
        raise Unreachable(f"There is no kubeconfig at {cluster.kubeconfig}.") from error
    return _kept(cluster.kubeconfig, stamp).get()
