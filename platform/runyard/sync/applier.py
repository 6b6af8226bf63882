"""Applies news of one cluster to our rows, one fenced transaction a batch; for `runner` alone.

A batch that fails is tried in halves, down to the one bad object, which is quarantined; the others go on.
"""

import logging
from collections.abc import Sequence

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, ProgrammingError

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen, observe_nodes
from runyard.sync import collector, lease
from workloads import node_pools
from workloads.observing import observe
from workloads.queueing import guarantees

log = logging.getLogger(__name__)
BATCH = 1_000


class Applier:
    """Writes for `cluster` while `epoch` is the latest. `bad`: uids of quarantined objects -> why."""

    def __init__(self, cluster: Cluster, epoch: int):
        self._cluster, self._epoch = cluster, epoch
        self.bad: dict[str, str] = {}

    def apply(self, batch: Sequence[Seen]) -> None:
        """Write what `batch`, at most BATCH of them, changes. Raises LeaseLost, and errors of the database
        that are not the objects' fault."""
        try:
            self._write(batch)
        except (OperationalError, InterfaceError, InternalError, ProgrammingError, lease.LeaseLost):
            raise  # no object is to blame: no database, an impatient one, or another version than ours
        except (DatabaseError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            if len(batch) > 1:
                for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                    self.apply(half)
            else:
                log.exception("%s %s is quarantined", batch[0].resource, batch[0].uid)
                self.bad[batch[0].uid] = f"{type(error).__name__}: {error}"[:500]

    def _write(self, batch: Sequence[Seen]) -> None:
        with collector.paused(), lease.fenced(self._cluster, self._epoch):
            moved = observe_nodes(self._cluster, batch)
            retimed = guarantees.observe_queues(self._cluster, batch)
            observe(self._cluster, batch)
            node_pools.follow(self._cluster, moved)
            guarantees.follow(self._cluster, retimed)
        for one in batch:
            self.bad.pop(one.uid, None)
