"""What we handed on of one resource: uid -> version. Says what of a list or change is news.

Knows no kind and no database. The rules: only a complete list makes absent uids gone; a uid that is
gone never comes back, but by a list; what is older than what we know is old; an unreadable object is neither
news nor gone.
"""

from collections.abc import Iterable, Iterator, Mapping

from runyard.clusters.observed import Seen
from runyard.sync.source import NAMELESS, Change, Part


class Store:
    """`forgets`: the cluster drops these by itself after a while (events); absent ones are not told gone."""

    def __init__(self, resource: str, known: dict[str, str] | None = None, *, forgets: bool = False):
        self.resource, self._forgets = resource, forgets
        self._versions: dict[str, str] = dict(known or {})
        self._floor = ""
        self._gone: set[str] = set()
        self.odd: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._versions)

    @property
    def version(self) -> str:
        """Of the latest complete list; the watch goes on from there."""
        return self._floor

    def expect(self, versions: Mapping[str, str]) -> None:
        """These were there before the next list, though the cluster never told us: what it lacks is gone."""
        for uid, version in versions.items():
            if uid not in self._gone:
                self._versions.setdefault(uid, version)

    def replace(self, parts: Iterable[Part]) -> Iterator[Seen]:
        """Make the store equal to a complete list: what changed, as its parts come, then what is gone.

        A list that breaks off has told what is true, and nothing is gone by it.
        """
        present: set[str] = set()
        odd: dict[str, str] = {}
        version = ""
        for part in parts:
            version, odd = version or part.version, odd | part.odd
            for found in part.objects:
                present.add(found.metadata.uid)
                if self._is_new(found):
                    yield self._set(found.metadata.uid, found)
        self.odd, self._floor = odd, version
        # Which version they have now nobody could read: on a cluster that was set back it may be a lower one.
        self._versions.update({uid: "" for uid in odd if uid in self._versions})
        self._gone.clear()  # a list newer than every tombstone: what it lacks can no longer come late
        if NAMELESS not in odd:  # else any of those it lacks may be that one
            yield from self._drop(self._versions.keys() - present - odd.keys())

    def apply(self, change: Change) -> Seen | None:
        """The news in one change, if any."""
        if not change.uid or change.uid in self._gone or _covered(change.version, self._floor):
            return None
        if change.object is None and not change.odd:
            self.odd.pop(change.uid, None)
            return next(iter(self._drop([change.uid])), None)
        if _covered(change.version, self._versions.get(change.uid, "")):  # late, or twice
            return None
        if change.odd:
            self.odd[change.uid] = change.odd
            return None
        self.odd.pop(change.uid, None)
        return self._set(change.uid, change.object) if self._is_new(change.object) else None

    def _is_new(self, found: object) -> bool:
        meta = found.metadata  # type: ignore[attr-defined]
        return self._versions.get(meta.uid) != meta.resource_version

    def _set(self, uid: str, found: object) -> Seen:
        self._versions[uid] = found.metadata.resource_version  # type: ignore[attr-defined]
        return Seen(self.resource, uid, found)

    def _drop(self, uids: Iterable[str]) -> list[Seen]:
        dropped = list(uids)
        for uid in dropped:
            self._versions.pop(uid, None)
            self._gone.add(uid)
        return [] if self._forgets else [Seen(self.resource, uid) for uid in dropped]


def _covered(version: str, floor: str) -> bool:
    """Whether `floor` is `version` or later. Versions are decimals of one resource, comparable (KEP-5504);
    those that are none are never taken for old."""
    return version.isdigit() and floor.isdigit() and int(version) <= int(floor)
