"""A diagnosis for people at a terminal, and as JSON for programs. Pure."""

import json
from dataclasses import asdict
from typing import Any

from runyard.clusters import rbac
from runyard.doctor.findings import Diagnosis, Finding, Grade

MARKS = {Grade.OK: "ok     ", Grade.ABSENT: "-      ", Grade.WARNING: "warning", Grade.PROBLEM: "PROBLEM"}


def as_text(diagnosis: Diagnosis, namespaces: tuple[str, ...] = ()) -> str:
    """A line for each finding with what to do below it; then what to grant, and the sum of it all."""
    lines = [line for finding in diagnosis.findings for line in _lines(finding)]
    if grant := missing_rights(diagnosis, namespaces):
        lines += ["", "# What is missing, for `kubectl apply -f -`:", grant.rstrip()]
    problems = sum(finding.grade is Grade.PROBLEM for finding in diagnosis.findings)
    words = (
        f"{problems} problem{'' if problems == 1 else 's'}: see above."
        if problems
        else "Runyard can work here."
    )
    return "\n".join([*lines, "", words])


def as_json(diagnosis: Diagnosis, namespaces: tuple[str, ...] = ()) -> str:
    """{"ok", "account", "findings": [{"about", "grade", "says", "advice"}], "rbac"}"""
    told: dict[str, Any] = {
        "ok": diagnosis.ok,
        "account": diagnosis.account,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "rbac": missing_rights(diagnosis, namespaces),
    }
    return json.dumps(told, indent=2)


def missing_rights(diagnosis: Diagnosis, namespaces: tuple[str, ...]) -> str:
    """The manifest that gives them to whom we are, or to the account of `runyard rbac`; empty for none."""
    if not diagnosis.missing:
        return ""
    subject = rbac.Subject.of(diagnosis.account) if diagnosis.account else rbac.Subject()
    return rbac.manifest(diagnosis.missing, namespaces, subject, f"{rbac.NAME}-more")


def _lines(finding: Finding) -> list[str]:
    lines = [f"{MARKS[finding.grade]}  {finding.about}: {_plain(finding.says)}"]
    return [*lines, f"         {finding.advice}"] if finding.advice else lines


def _plain(text: str) -> str:
    """Without what a terminal obeys: some of the words are those of whatever answered."""
    return "".join(one if one.isprintable() else " " for one in text)
