"""One module per kind of workload; a kind is data. Registered by being here.

`KINDS` maps the kind's name ("training") to its `Kind`; docs and parametrised tests are made from it. Several
kinds may be objects of one resource: a label says which; an object without it is of the first of them.
"""

from collections.abc import Mapping

from workloads.kinds.kind import Kind
from workloads.kinds.training import TRAINING
from workloads.kinds.workspace import WORKSPACE

KIND_LABEL = "runyard.io/kind"
KINDS: dict[str, Kind] = {kind.name: kind for kind in (TRAINING, WORKSPACE)}
BY_RESOURCE: dict[str, Kind] = {kind.resource: kind for kind in reversed(KINDS.values())}


def kind_of(resource: str, labels: Mapping[str, str] | None) -> Kind:
    """The kind of an object; a label that names a kind of another resource, or none, says nothing."""
    said = KINDS.get((labels or {}).get(KIND_LABEL, ""))
    return said if said is not None and said.resource == resource else BY_RESOURCE[resource]
