"""Reads one message of a scheduler, a controller or a node. Pure; used for phases and by `sources`."""

from dataclasses import replace

from workloads.waiting import queues, starting
from workloads.waiting.admission import why_no_pod
from workloads.waiting.flavors import deciding
from workloads.waiting.nodes import why_no_node
from workloads.waiting.rules import Explanation, Told, first, short


def explain(told: Told) -> Explanation | None:
    """What `told` means, and what to do; None for a message nobody here knows."""
    queued = replace(told, message=deciding(told.message))
    return first(queues.RULES, queued) or why_no_node(told) or why_no_pod(told) or first(starting.RULES, told)


def words(reason: str, message: str) -> str:
    """What stands beside a phase: the explanation, or the message itself, made short."""
    known = explain(Told("", reason, message))
    return known.words if known else short(message)
