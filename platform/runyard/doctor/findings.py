"""What a look at a cluster finds: findings with a grade, and the rights that are missing. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from runyard.clusters.rights import Right


class Grade(StrEnum):
    """A PROBLEM is something that Runyard needs; a WARNING, something that it can do without; what is ABSENT
    many do not have."""

    OK = "ok"
    ABSENT = "absent"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `says` in a sentence how it is, `advice` what to do."""

    about: str
    grade: Grade
    says: str
    advice: str = ""


def fine(about: str, says: str) -> Finding:
    return Finding(about, Grade.OK, says)


def absent(about: str, says: str) -> Finding:
    return Finding(about, Grade.ABSENT, says)


def warning(about: str, says: str, advice: str) -> Finding:
    return Finding(about, Grade.WARNING, says, advice)


def problem(about: str, says: str, advice: str) -> Finding:
    return Finding(about, Grade.PROBLEM, says, advice)


@dataclass(slots=True)
class Diagnosis:
    """All of them in the order of looking; `account`: who we are to the cluster, "" while it did not tell."""

    findings: list[Finding] = field(default_factory=list)
    missing: list[Right] = field(default_factory=list)
    account: str = ""

    @property
    def ok(self) -> bool:
        """Whether Runyard can work on the cluster."""
        return all(finding.grade is not Grade.PROBLEM for finding in self.findings)
