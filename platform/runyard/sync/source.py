"""Lists and watches one resource of one cluster, as the Kubernetes API's rules want it.

Bytes are decoded straight into Structs, page by page; an object that cannot be read is told apart
(`odd`) and spoils nothing else. Time-outs and paging live here; what a list means, in `store`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from runyard.clusters.connection import ApiError, ClusterError, Connection, Lines
from runyard.clusters.objects import Bookmark, ListMeta, OnlyIdentity, Page, Status, WatchLine
from runyard.sync import collector

Decoder = Any  # msgspec.json.Decoder of a type known at run time
PAGE = 500
NAMELESS = "?"  # stands for the uid of an object that does not even tell that
WATCH_SECONDS = (240, 300)  # the server ends a watch after 30 to 60 minutes by itself; we do earlier


class Expired(ClusterError):
    """410: the version is older than what the server remembers. List again."""


class Absent(ClusterError):
    """A resource that a cluster need not have is not there (`gone`), or not for us. Look again later."""

    def __init__(self, message: str, *, gone: bool):
        super().__init__(message)
        self.gone = gone


class Damaged(ClusterError):
    """The stream held something that is no event; what else is lost is unknown. List again."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A resource to follow: its plural, the path of all of it, and the Struct it decodes to.

    One that a cluster need not have is `optional`; `others` are its paths in other versions of its API.
    """

    resource: str
    path: str
    type: type[msgspec.Struct]
    optional: bool = False
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Part:
    """One page of a list that is complete as of the first page's `version`. `odd`: uids of unreadable
    objects -> why."""

    version: str = ""
    objects: list[Any] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)


class Change(msgspec.Struct, frozen=True, gc=False):
    """One event of a watch. `object` is None when it is gone, and for bookmarks (uid "")."""

    version: str
    uid: str = ""
    object: Any = None
    odd: str = ""


class Source:
    """One resource of one cluster. Every method raises ClusterError, and Absent, Expired, Damaged."""

    def __init__(self, connection: Connection, watched: Watched):
        self._connection, self._watched, self._path = connection, watched, watched.path
        self._object: Decoder = msgspec.json.Decoder(watched.type)
        self._page: Decoder = msgspec.json.Decoder(_page_of(watched.type))
        self._raw_page = msgspec.json.Decoder(Page)
        self._identity = msgspec.json.Decoder(OnlyIdentity)
        self._lines: Lines | None = None

    def list(self, *, whole: bool = False) -> Iterator[Part]:
        """Everything there is now, in pages of 500, or `whole`. Raises Expired where the pages do."""
        params: dict[str, Any] = {} if whole else {"limit": PAGE}
        self._path = self._served() if self._watched.optional else self._path
        while True:
            part, token = self._take(self._read(params))
            yield part
            if not token:
                return
            params["continue"] = token

    def _served(self) -> str:
        """The first of its paths that the cluster serves."""
        for path in (self._watched.path, *self._watched.others):
            try:
                self._connection.read("GET", path, params={"limit": 1})
            except ApiError as error:
                if error.code != 404:
                    raise self._forbidden(error) or error from error
            else:
                return path
        raise Absent(f"{self._watched.resource} is not served.", gone=True)

    def _forbidden(self, error: ApiError) -> Absent | None:
        if not self._watched.optional or error.code != 403:
            return None
        return Absent(f"{self._watched.resource} may not be read: {error}", gone=False)

    def _read(self, params: dict[str, Any]) -> bytes:
        try:
            return self._connection.read("GET", self._path, params=params)
        except ApiError as error:
            raise _expired(error) from error

    def _take(self, body: bytes) -> tuple[Part, str]:
        """Decode one page, and where the next begins: all at once, and one by one only if that fails."""
        with collector.paused():
            try:
                page = self._page.decode(body)
            except msgspec.MsgspecError:
                return self._take_one_by_one(body)
        return Part(page.metadata.resource_version, page.items), page.metadata.continue_ or ""

    def _take_one_by_one(self, body: bytes) -> tuple[Part, str]:
        try:
            page = self._raw_page.decode(body)
        except msgspec.MsgspecError as error:
            raise Damaged(f"The cluster's list of {self._watched.resource} is not JSON: {error}") from error
        part = Part(page.metadata.resource_version)
        for raw in page.items:
            try:
                part.objects.append(self._object.decode(raw))
            except msgspec.MsgspecError as error:
                part.odd[self._uid(raw)] = str(error)
        return part, page.metadata.continue_ or ""

    def is_behind(self, version: str) -> bool:
        """Whether the server has not come as far as `version`: it was set back, and keeps silent to a watch
        from its future."""
        try:
            now = self._raw_page.decode(self._read({"limit": 1})).metadata.resource_version
        except ApiError as error:
            if error.code == 429 or error.code >= 500:
                raise  # it is in trouble: no second question right after this one
            return False  # what is wrong, the watch will tell
        except msgspec.MsgspecError:
            return False
        return now.isdigit() and version.isdigit() and int(now) < int(version)

    def watch(self, since: str) -> Iterator[Change]:
        """Opens now; then changes exactly after version `since`, until the server ends the stream."""
        seconds = random.randint(*WATCH_SECONDS)
        params = {
            "watch": "true",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": seconds,
        }
        try:
            self._lines = self._connection.lines(self._path, params, read_seconds=seconds + 15)
        except ApiError as error:
            if self._watched.optional and error.code == 404:  # the next list finds out where it is now
                raise Expired(str(error)) from error
            raise self._forbidden(error) or _expired(error) from error
        return map(self._change, self._lines)

    def interrupt(self) -> None:
        """From another thread: end the watch that is open."""
        if self._lines is not None:
            self._lines.interrupt()

    def _change(self, line: bytes) -> Change:
        try:
            event = _line.decode(line)
            if event.type == "BOOKMARK":
                return Change(_bookmark.decode(event.object).metadata.resource_version)
            if event.type == "ERROR":
                raise _expired(_refusal(event.object))
            return self._object_change(event)
        except msgspec.MsgspecError as error:
            raise Damaged(f"The watch of {self._watched.resource} sent no event: {error}") from error

    def _object_change(self, event: WatchLine) -> Change:
        if event.type == "DELETED":
            meta = self._identity.decode(event.object).metadata
            return Change(meta.resource_version, meta.uid)
        if event.type not in ("ADDED", "MODIFIED"):
            raise Damaged(f"The watch of {self._watched.resource} sent {event.type[:40]!r}.")
        try:
            found = self._object.decode(event.object)
        except msgspec.MsgspecError as error:
            meta = self._identity.decode(event.object).metadata
            return Change(meta.resource_version, meta.uid, odd=str(error))
        return Change(found.metadata.resource_version, found.metadata.uid, found)

    def _uid(self, raw: msgspec.Raw) -> str:
        try:
            return self._identity.decode(raw).metadata.uid
        except msgspec.MsgspecError:
            return NAMELESS


def _page_of(item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The Struct of one page of a list of `item`."""
    metadata = ("metadata", ListMeta, msgspec.field(default_factory=ListMeta))
    items: tuple[str, Any, Any] = ("items", list[item], msgspec.field(default_factory=list))  # type: ignore[valid-type]
    return msgspec.defstruct("PageOf", [metadata, items])


_line = msgspec.json.Decoder(WatchLine)
_bookmark = msgspec.json.Decoder(Bookmark)
_status = msgspec.json.Decoder(Status)


def _refusal(raw: msgspec.Raw) -> ApiError:
    status = _status.decode(raw)
    return ApiError(status.code or 500, status.reason or "", status.message or "")


def _expired(error: ApiError) -> ClusterError:
    return Expired(str(error)) if error.code == 410 else error
