"""How much of a control plane to start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """`runs`: controllers, scheduler and simulated nodes beside etcd and the API server. `throttled`: the API
    server keeps clients within limits, as servers do; a benchmark measures without."""

    name: str
    runs: bool = True
    nodes: int = 4
    throttled: bool = True


API = Profile("api", runs=False, nodes=0)
FULL = Profile("full")
SCALE = Profile("scale", nodes=200, throttled=False)
PROFILES = {one.name: one for one in (API, FULL, SCALE)}
