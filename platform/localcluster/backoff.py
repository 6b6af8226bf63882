"""How long to wait before trying again: doubling from a base up to a cap. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Seconds; the first `free` failures cost nothing. The default is kubelet's: 0, 10, 20, ... 300."""

    base: float = 10.0
    cap: float = 300.0
    free: int = 1

    def delay(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure in a row."""
        if failures <= self.free:
            return 0.0
        return min(self.base * 2 ** min(failures - self.free - 1, 30), self.cap)

    @property
    def forgiven_after(self) -> float:
        """What ran this long has failed anew, not again."""
        return 2 * self.cap
