"""How fresh our picture of the clusters is, in words; the gate lets every signed-in person ask."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from runyard.clusters.models import Cluster
from runyard.kit.compiled import compiled
from runyard.kit.pages import iso
from runyard.sync.models import STALE_AFTER
from runyard.tenancy.access import known_projects


@dataclass(frozen=True, slots=True)
class Freshness:
    """Of one cluster: `state` is `live`, `stale` or `never`; `since` is when it was last equal."""

    cluster: str
    state: str
    since: datetime | None
    why: str
    stale_seconds: int = int(STALE_AFTER.total_seconds())

    def wire(self) -> dict[str, str]:
        """As pages and sockets are told: since is ISO 8601 UTC, empty for never."""
        return {"name": self.cluster, "state": self.state, "since": iso(self.since), "why": self.why}


def freshness(user: Any) -> list[Freshness]:
    """One entry per cluster that is followed, for people who may read anything at all; others get none."""
    if not user.is_superuser and not known_projects(user):
        return []
    return [freshness_of(cluster) for cluster in _followed()]


@compiled("name", "sync__synced_at", "sync__error", "sync__quarantined")
def _followed() -> QuerySet[Cluster]:
    return Cluster.objects.followed()


def freshness_of(cluster: Cluster) -> Freshness:
    """Of one cluster; its `sync` row is read if it is not at hand."""
    state = getattr(cluster, "sync", None)
    if state is None or state.synced_at is None:
        return Freshness(cluster.name, "never", None, (state and state.error) or "waiting for the first sync")
    if state.fresh:
        return Freshness(cluster.name, "live", state.synced_at, _unread(state.quarantined))
    return Freshness(cluster.name, "stale", state.synced_at, state.error or "the worker does not sync")


def _unread(quarantined: dict[str, str]) -> str:
    """What of a cluster cannot be read, in words: objects by their uids, whole resources by their names."""
    resources = sorted(key for key in quarantined if "." in key)
    odd = len(quarantined) - len(resources)
    objects = [f"{odd} object{'s' if odd > 1 else ''} of this cluster"] if odd else []
    return f"{', '.join([*objects, *resources])} cannot be read" if quarantined else ""
