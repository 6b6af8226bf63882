"""Which container has which GPU: what `pods` finds out and `exposition` tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Holder:
    """A container that was given a device; `uid` is "" where the kubelet does not tell it, `share` tells
    the users of one shared device apart.
    """

    namespace: str
    pod: str
    container: str
    uid: str = ""
    share: str = ""


Holders = dict[str, list[Holder]]  # by one of the names of a GPU or a slice: device.Identity.names
