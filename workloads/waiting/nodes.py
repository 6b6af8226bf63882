"""Why no node takes a pod, as kube-scheduler, KAI and Volcano count it: "0/96 nodes are available". Pure.

Each part of the sentence is put into words, the commonest first; a part nobody knows is quoted.
"""

import re
from dataclasses import dataclass

from workloads.waiting.rules import LOOKED_AT, Explanation, Rule, Told, first, resource, short

_HEAD = re.compile(
    r"0/(?P<total>\d+) nodes are (?:un)?available: ?|no nodes with enough resources were found: ?"
)
_TAIL = re.compile(r"preemption: |no new claims to deallocate")
_BETWEEN = re.compile(r"[,.]\s+(?=\d+ )")
_PART = re.compile(r"(?P<count>\d+) (?P<what>.+)", re.DOTALL)
_SHORT_OF = re.compile(
    r"Insufficient (?P<one>[\w./-]*\w)|didn't have enough resources?: (?P<other>[\w ./-]*\w)"
)
_GANG = re.compile(r"Resources were found for (?P<found>\d+) pods? while (?P<needed>\d+) are required")

_GIVEN_BACK = "It starts when enough is given back. Ask for less per pod to start sooner."


@dataclass(frozen=True, slots=True)
class _Why:
    """What keeps nodes from taking the pod: with {has}, {do} and {are} for one node or many."""

    pattern: re.Pattern[str]
    words: str
    step: str


def _why(pattern: str, words: str, step: str) -> _Why:
    return _Why(re.compile(pattern), words, step)


_REASONS = (
    _why(
        r"untolerated taint \{(?P<key>[^:}]+):? ?(?P<value>[^}]*)\}",
        "{has} the taint {taint}, which it does not tolerate",
        "Add a toleration for the taint {taint} to the pods, or have an administrator take it off the nodes.",
    ),
    _why(
        r"untolerated taint",
        "{has} a taint it does not tolerate",
        "Add a toleration to the pods, or have an administrator take the taint off the nodes.",
    ),
    _why(
        r"didn't match Pod's node affinity/selector|didn't match node selector",
        "{do} not match its node selector or affinity",
        "Change the node selector or affinity of the pods, or have a node labelled that matches it.",
    ),
    _why(
        r"didn't match pod affinity rules",
        "{do} not hold the pods it wants to be near (pod affinity)",
        "Start the workload it wants to be near, or drop the pod affinity.",
    ),
    _why(
        r"didn't match pod anti-affinity rules",
        "{are} taken by pods it must not be near (pod anti-affinity)",
        "Wait until those pods end, or drop the pod anti-affinity.",
    ),
    _why(
        r"didn't satisfy existing pods anti-affinity",
        "{are} held by pods that keep others away (their anti-affinity)",
        "Wait until those pods end, or use other nodes.",
    ),
    _why(
        r"pod topology spread constraints \(missing required label\)",
        "{do} not have the label its topology spread counts by",
        "Name a label that nodes have in topologySpreadConstraints, or have the nodes labelled.",
    ),
    _why(
        r"pod topology spread constraints",
        "{has} too many of its pods already for its topology spread",
        "Raise maxSkew of its topology spread, or wait until nodes elsewhere have room.",
    ),
    _why(
        r"were unschedulable",
        "{are} closed for new pods (cordoned)",
        "An administrator closed these nodes and has to open them again.",
    ),
    _why(
        r"were not ready|had condition|not-ready",
        "{are} not ready",
        "An administrator has to look at these nodes.",
    ),
    _why(
        r"didn't have free ports",
        "{has} the host port it asks for taken",
        "Ask for no host port, or wait until the workload that has it ends.",
    ),
    _why(
        r"volume node affinity conflict|PersistentVolume's node affinity|available volume zone",
        "{are} where its volume cannot be used",
        "Its volume is tied to other nodes: free room there, or use a volume that every node can reach.",
    ),
    _why(
        r"didn't find available persistent volumes to bind",
        "{has} no volume to give it",
        "A storage class has to make the volume, or an administrator one that fits the claim.",
    ),
    _why(
        r"exceed max volume count",
        "{has} as many volumes attached as it can",
        "Wait until pods with volumes end there, or use fewer volumes.",
    ),
    _why(
        r"cannot allocate all claims",
        "{has} no device that fits its resource claims",
        "Wait until devices are given back, or ask for other devices in its resource claims.",
    ),
    _why(r"Too many pods", "{has} as many pods as it may", "Wait until pods end there."),
)

_WHOLE = (
    Rule(
        r'persistentvolumeclaim "(?P<claim>[^"]{1,253})" not found',
        "its volume claim “{claim}” does not exist",
        "Create the claim in this namespace, or copy the workload and name one that is there.",
    ),
    Rule(
        r'persistentvolumeclaim "(?P<claim>[^"]{1,253})" bound to non-existent persistentvolume',
        "the volume behind its claim “{claim}” is gone",
        "The data is no longer where the claim says: create the claim anew.",
    ),
    Rule(
        r'persistentvolumeclaim "(?P<claim>[^"]{1,253})" is being deleted',
        "its volume claim “{claim}” is being deleted",
        "Copy the workload and name another claim.",
    ),
    Rule(
        r"unbound immediate PersistentVolumeClaims|unbound PersistentVolumeClaims",
        "its volume claim has no volume yet",
        "The claim's storage class has to make a volume; look whether the class exists and what the claim's "
        "events say.",
    ),
    Rule(
        r"waiting for (?:ephemeral volume|dynamic resource) controller to create the (?P<what>\w+)",
        "its {what} is still to be made by the cluster",
        "This takes seconds. If it stays, an administrator has to look at the cluster's controllers.",
    ),
    Rule(
        r"no nodes available to schedule pods",
        "the cluster has no node that takes pods",
        "An administrator has to add a node, or make one ready.",
    ),
)


@dataclass(frozen=True, slots=True)
class _Part:
    count: int
    lacks: str  # the resource there is not enough of; empty for any other reason
    words: str
    step: str


def why_no_node(told: Told) -> Explanation | None:
    """What the message says about nodes; None where it is not about them."""
    message = told.message[:LOOKED_AT]
    if whole := first(_WHOLE, told):
        return whole
    head = _HEAD.search(message)
    if head is None:
        return None
    parts = _parts(message[head.end() :])
    if not parts:
        return None
    total = int(head["total"] or 0)
    gang = _GANG.search(message)
    words = _sentence(parts, total)
    if gang:
        words = f"room for {gang['found']} of the {gang['needed']} pods it starts together: {words}"
    short_of = [part for part in parts if part.lacks]
    return Explanation(short(words), (short_of or parts)[0].step, room=bool(short_of))


def _parts(body: str) -> list[_Part]:
    """The commonest reason first."""
    tail = _TAIL.search(body)
    pieces = _BETWEEN.split(body[: tail.start()] if tail else body)
    found = [_PART.fullmatch(piece.strip(" .\n")) for piece in pieces]
    parts = [_part(int(one["count"]), one["what"]) for one in found if one]
    return sorted(parts, key=lambda part: -part.count)


def _part(count: int, what: str) -> _Part:
    verbs = (
        {"has": "has", "do": "does", "are": "is"} if count == 1 else {"has": "have", "do": "do", "are": "are"}
    )
    if lack := _SHORT_OF.search(what):
        name = resource(lack["one"] or lack["other"])
        return _Part(count, name, f"{verbs['do']} not have enough free {name}", _GIVEN_BACK)
    for reason in _REASONS:
        if known := reason.pattern.search(what):
            groups = known.groupdict()
            taint = "=".join(filter(None, (groups.get("key"), groups.get("value"))))
            return _Part(
                count, "", reason.words.format(taint=taint, **verbs), reason.step.format(taint=taint)
            )
    return _Part(count, "", f"{'says' if count == 1 else 'say'} “{what}”", "")


def _sentence(parts: list[_Part], total: int) -> str:
    """ "not enough free GPUs on any of 96 nodes", or why each does not take it; `total` is 0 where untold."""
    most = total or parts[0].count
    if all(part.lacks for part in parts):
        what = " and ".join(dict.fromkeys(part.lacks for part in reversed(parts)))
        return f"not enough free {what} on {'the node' if most == 1 else f'any of {most} nodes'}"
    if len(parts) == 1 and parts[0].count >= most:
        return f"{'the node' if most == 1 else f'all {most} nodes'} {parts[0].words}"
    of = f" of {total}" if total else ""
    return f"no node{of} takes it: " + ", ".join(f"{part.count} {part.words}" for part in parts)
