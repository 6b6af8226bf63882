"""One module per kind of workload; a kind is data. Registered by being here.

`KINDS` maps the kind's name ("training") to its `Kind`; docs and parametrised tests are made from it.
"""

from workloads.kinds.kind import Kind
from workloads.kinds.training import TRAINING

KINDS: dict[str, Kind] = {kind.name: kind for kind in (TRAINING,)}
BY_RESOURCE: dict[str, Kind] = {kind.resource: kind for kind in KINDS.values()}
