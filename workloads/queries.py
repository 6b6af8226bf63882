"""The only way in to workload rows for people: every query here is restricted to what `user` may see."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.db.models import Count, QuerySet, Sum, Value
from django.db.models.functions import Concat, Upper

from runyard.clusters.models import Cluster, Node
from runyard.kit.compiled import compiled
from runyard.tenancy.access import Reach, reach
from workloads.models import Action, Event, PhaseChange, Pod, SpecChange, Workload


def present_workloads(user: Any) -> QuerySet[Workload]:
    """Workloads that are on their cluster, in no order."""
    return _present(reach(user))


def _present(seen: Reach) -> QuerySet[Workload]:
    return Workload.objects.within(seen).filter(deleted_at=None)


def visible_workloads(user: Any) -> QuerySet[Workload]:
    """The same with all that belongs to them, newest first."""
    rows = present_workloads(user).select_related("project__department", "created_by", "cluster", "usage")
    return rows.order_by("-created_at", "-id")


def by_phase(rows: QuerySet[Workload]) -> dict[str, tuple[int, int]]:
    """How many of `rows` are in each phase, and the GPU thousandths they ask for. An index answers it."""
    return _counted(_phases(rows))


def _phases(rows: QuerySet[Workload]) -> QuerySet[Workload, Any]:
    return rows.order_by().values_list("phase").annotate(count=Count("*"), gpus=Sum("gpu_millis"))


@compiled()
def _phases_within(seen: Reach) -> QuerySet[Workload, Any]:
    return _phases(_present(seen))


def _counted(rows: Iterable[tuple[str, int, int]]) -> dict[str, tuple[int, int]]:
    return {phase: (count, gpu_millis) for phase, count, gpu_millis in rows}


def all_by_phase(user: Any) -> dict[str, tuple[int, int]]:
    """`by_phase` of all that `user` may see: once a request, since frame and table of a page both ask."""
    if not hasattr(user, "_all_by_phase"):
        user._all_by_phase = _counted(_phases_within(reach(user)))
    found: dict[str, tuple[int, int]] = user._all_by_phase
    return found


def get_workload(user: Any, pk: int) -> Workload:
    """One workload, deleted ones included. Raises DoesNotExist alike for absent and forbidden."""
    rows = Workload.objects.visible_to(user)
    return rows.select_related("project__department", "created_by", "cluster", "usage").get(pk=pk)


def visible_pods(user: Any, workload: Workload) -> QuerySet[Pod]:
    """The workload's pods, oldest first, gone ones included."""
    return Pod.objects.visible_to(user).filter(workload=workload).order_by("created_at", "id")


def all_visible_pods(user: Any) -> QuerySet[Pod]:
    """Pods of every workload, with the words of each that free text looks for, upper-cased, as `found_by`."""
    parts = [Upper(part) for part in ("name", "node", "role", "phase", "reason")]
    words = Concat(*chain.from_iterable((part, Value(" ")) for part in parts), Value(""))
    return Pod.objects.visible_to(user).annotate(found_by=words)


def gpu_products(workload: Workload) -> list[str]:
    """What GPUs the nodes have that `workload`, which its reader may see, is on; none where it holds none."""
    if not workload.gpu_millis or not workload.nodes:
        return []
    nodes = Node.objects.filter(cluster=workload.cluster_id, name__in=workload.nodes).exclude(gpu_product="")
    return sorted(set(nodes.values_list("gpu_product", flat=True)))


def visible_events(user: Any, workload: Workload) -> QuerySet[Event]:
    return Event.objects.visible_to(user).filter(workload=workload).order_by("-last_at", "-id")


def visible_folds(user: Any, workload: Workload) -> QuerySet[Event]:
    """The events of the history: repeated ones once, the first of them with the sums of all."""
    return Event.objects.visible_to(user).filter(workload=workload, folded_into=None)


def visible_spec_changes(user: Any, workload: Workload) -> QuerySet[SpecChange]:
    return SpecChange.objects.visible_to(user).filter(workload=workload).order_by("-at", "-id")


def visible_phase_changes(user: Any, workload: Workload) -> QuerySet[PhaseChange]:
    return PhaseChange.objects.visible_to(user).filter(workload=workload).order_by("-at", "-id")


def visible_actions(user: Any, workload: Workload) -> QuerySet[Action]:
    rows = Action.objects.visible_to(user).filter(workload=workload)
    return rows.select_related("by").order_by("-created_at", "-id")


def is_taken(cluster: Cluster | None, namespace: str, name: str) -> bool:
    """Whether a workload has `name` where a new one would go; a submission the cluster refused takes none.

    Asked only of projects the person may create in, where names are no secret.
    """
    rows = Workload.objects.filter(cluster=cluster, namespace=namespace, name=name, deleted_at=None)
    return rows.exclude(uid=None, terminal="Failed").exists()
