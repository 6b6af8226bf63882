"""Where the workers of `machine.Life` write: our tables and lease, or a stand-in in memory, much quicker.

Both answer alike, and both can fail like a database that goes away in the middle of a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import OperationalError, transaction

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.sync import applier, lease, runner
from runyard.sync.models import SyncState
from workloads.models import Pod

Put = Callable[[Any, str, Any], None]  # monkeypatch.setattr


class Database:
    """Our tables, in a transaction that is never committed."""

    def __init__(self, cluster: Cluster, put: Put) -> None:
        self._cluster, self.fails = cluster, False
        self.published: list[Any] = []
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        observe = applier.observe
        put(applier, "observe", lambda *args: self._refuse() if self.fails else observe(*args))
        put(runner, "publish", lambda *hints: self.published.extend(hints))

    def _refuse(self) -> None:
        self.fails = False
        raise OperationalError("the server closed the connection unexpectedly")

    def close(self) -> None:
        transaction.set_rollback(True)
        self._atomic.__exit__(None, None, None)

    def take_over(self) -> int:
        """The epoch of whoever comes after the lease ran out."""
        SyncState.objects.filter(cluster=self._cluster).update(expires_at=None)
        epoch = lease.take(self._cluster)
        assert epoch is not None
        return epoch

    def rows(self) -> dict[str, tuple[str, str, bool]]:
        """Of every pod: its version and phase, and whether it is there."""
        found = Pod.objects.filter(cluster=self._cluster)
        columns = found.values_list("uid", "resource_version", "phase", "gone_at")
        return {uid: (version, phase, not gone) for uid, version, phase, gone in columns}

    def everything(self) -> Any:
        return self.rows(), SyncState.objects.values().get(cluster=self._cluster)

    def check_told(self, worker: runner.Runner) -> None:
        """Who asks is told that the picture is fresh."""
        worker._beat()
        assert self.published[-1][1]["state"] == "live", self.published[-1]


class Memory:
    """A dict and a number; writes what it is told, fenced by epochs as the lease fences."""

    def __init__(self, _cluster: Cluster, put: Put) -> None:
        self.fails, self._epoch = False, 0
        self._rows: dict[str, tuple[str, str, bool]] = {}
        put(runner, "Applier", lambda _cluster, epoch: _MemoryApplier(self, epoch))
        put(runner, "known", lambda *_: {uid: row[0] for uid, row in self._rows.items() if row[2]})
        put(runner.Runner, "_beat", lambda worker: self.fence(worker._epoch))

    def close(self) -> None:
        """Nothing is kept."""

    def fence(self, epoch: int) -> None:
        if epoch != self._epoch:
            raise lease.LeaseLost

    def write(self, epoch: int, batch: Sequence[Seen]) -> None:
        self.fence(epoch)
        if self.fails:
            self.fails = False
            raise OperationalError("the server closed the connection unexpectedly")
        for one in batch:
            if one.object is not None:
                self._rows[one.uid] = (one.object.metadata.resource_version, one.object.status.phase, True)
            elif one.uid in self._rows:
                self._rows[one.uid] = (*self._rows[one.uid][:2], False)

    def take_over(self) -> int:
        self._epoch += 1
        return self._epoch

    def rows(self) -> dict[str, tuple[str, str, bool]]:
        return dict(self._rows)

    def everything(self) -> Any:
        return self.rows(), self._epoch

    def check_told(self, worker: runner.Runner) -> None:
        assert worker._trouble() == ""


class _MemoryApplier:
    def __init__(self, memory: Memory, epoch: int) -> None:
        self._memory, self._epoch = memory, epoch

    def apply(self, batch: Sequence[Seen]) -> None:
        self._memory.write(self._epoch, batch)
