"""What we handed on of one resource: uid -> version. Says what of a listing or change is news.

Knows no kind and no database. The rules: only a complete listing makes absent uids gone; a uid that is
gone never comes back; what a listing already covered is old; an unreadable object is neither news nor gone.
"""

from collections.abc import Iterable

from runyard.clusters.observed import Seen
from runyard.sync.source import Change, Listing


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

    def replace(self, listing: Listing) -> list[Seen]:
        """Make the store equal to a complete listing; what changed, then what is gone."""
        news = [self._set(found.metadata.uid, found) for found in listing.objects if self._is_new(found)]
        present = {found.metadata.uid for found in listing.objects} | listing.odd.keys()
        self.odd, self._floor = dict(listing.odd), listing.version
        self._gone.clear()  # a listing newer than every tombstone: what it lacks can no longer come late
        return news + self._drop(self._versions.keys() - present)

    def apply(self, change: Change) -> Seen | None:
        """The news in one change, if any."""
        if not change.uid or change.uid in self._gone or _covered(change.version, self._floor):
            return None
        if change.odd:
            self.odd[change.uid] = change.odd
            return None
        self.odd.pop(change.uid, None)
        if change.object is None:
            return next(iter(self._drop([change.uid])), None)
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
