"""Rules of apps/v1 StatefulSets and of the ControllerRevisions that keep their earlier templates."""

from __future__ import annotations

from typing import Any

from localcluster.kinds import apps, storage
from localcluster.kinds.shape import Int, IntOrString, Json, ObjectMeta, Plain, Shape
from localcluster.validation import Problems

Obj = dict[str, Any]
_MANAGEMENT = ("OrderedReady", "Parallel")
_STRATEGIES = ("OnDelete", "RollingUpdate")
_RETENTION = ("Delete", "Retain")
_MAY_CHANGE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip
_MAY_CHANGE_WORDS = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


class RollingUpdate(Shape):
    partition: Int | None = None
    max_unavailable: IntOrString | None = None


class Strategy(Shape):
    type: str | None = None
    rolling_update: RollingUpdate | None = None


class Retention(Shape):
    when_deleted: str | None = None
    when_scaled: str | None = None


class Ordinals(Shape):
    start: Int | None = None


class ClaimTemplate(Shape):
    api_version: str | None = None
    kind: str | None = None
    metadata: ObjectMeta | None = None
    spec: storage.ClaimSpec | None = None
    status: Json | None = None


class StatefulSetSpec(apps.ReplicaSetSpec):
    service_name: str | None = None
    pod_management_policy: str | None = None
    update_strategy: Strategy | None = None
    volume_claim_templates: list[ClaimTemplate] | None = None
    persistent_volume_claim_retention_policy: Retention | None = None
    ordinals: Ordinals | None = None
    revision_history_limit: Int | None = None


class StatefulSet(Plain):
    spec: StatefulSetSpec | None = None  # type: ignore[assignment]


class Revision(Plain):
    data: Json | None = None
    revision: Int | None = None


def default(obj: Obj) -> None:
    apps.default(obj)
    spec = obj["spec"]
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    for when in ("whenDeleted", "whenScaled"):
        retention.setdefault(when, "Retain")
    for template in spec.get("volumeClaimTemplates") or []:
        template.update({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}})
        storage.default_claim_spec(template.setdefault("spec", {}))


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj["spec"]
    for name in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
        problems.at_least(f"spec.{name}", spec.get(name), 0)
    problems.at_least("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"), 0)
    _one_of("spec.podManagementPolicy", spec["podManagementPolicy"], _MANAGEMENT, problems)
    _validate_strategy(spec["updateStrategy"], problems)
    for when, what in spec["persistentVolumeClaimRetentionPolicy"].items():
        problems.one_of(f"spec.persistentVolumeClaimRetentionPolicy.{when}", what, _RETENTION)
    apps.validate_selected(spec, problems)
    if old is None:
        for index, template in enumerate(spec.get("volumeClaimTemplates") or []):
            if not (template.get("metadata") or {}).get("name"):
                problems.required(f"spec.volumeClaimTemplates[{index}].metadata.name")
    elif _fixed(spec) != _fixed(old["spec"]):
        problems.forbidden("spec", _MAY_CHANGE_WORDS)


def _fixed(spec: Obj) -> Obj:
    return {name: value for name, value in spec.items() if name not in _MAY_CHANGE}


def _validate_strategy(strategy: Obj, problems: Problems) -> None:
    _one_of("spec.updateStrategy", strategy["type"], _STRATEGIES, problems)
    rolling = strategy.get("rollingUpdate") or {}
    problems.at_least("spec.updateStrategy.rollingUpdate.partition", rolling.get("partition"), 0)
    if strategy["type"] == "OnDelete" and rolling:
        why = "only allowed for updateStrategy 'RollingUpdate'"
        problems.invalid("spec.updateStrategy.rollingUpdate", rolling, why)


def _one_of(field: str, value: str, supported: tuple[str, ...], problems: Problems) -> None:
    if value not in supported:
        words = " or ".join(f"'{one}'" for one in supported)
        problems.invalid(field, value, f"must be {words}")


def validate_revision(obj: Obj, old: Obj | None, problems: Problems) -> None:
    if "data" not in obj:
        problems.required("data", "data is mandatory")
    problems.at_least("revision", obj.get("revision"), 0)
    if old is not None:
        problems.immutable("data", obj.get("data"), old.get("data"))
