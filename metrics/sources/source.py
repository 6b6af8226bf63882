"""What every source of figures is: a name, a state in words, and answers to questions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from metrics.question import Question
from metrics.series import Scope, Series


class SourceError(Exception):
    """It gave no figures; `str()` says why and `advice` what to do, for people."""

    def __init__(self, why: str, advice: str = ""):
        super().__init__(why)
        self.advice = advice


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source does. `why` says what is wrong and `advice` what to do, both empty when it is well.

    `since`: since when it is as it is. `age`: how old its newest figure is, in seconds. `scopes`: what it
    is asked for.
    """

    name: str
    ok: bool
    since: datetime | None = None
    why: str = ""
    age: float | None = None
    advice: str = ""
    scopes: tuple[Scope, ...] = (Scope.GPU, Scope.POD, Scope.NODE)


class Source(Protocol):
    """One source of one cluster."""

    def read(self, question: Question) -> list[Series]:
        """A series for each GPU and pod it knows, on the question's grid. Raises SourceError."""

    def states(self, question: Question) -> list[SourceState]:
        """How it does, as far as it concerns what is asked: also after `read` raised."""
