"""Workloads, their pods, events, phase history and the actions people asked for.

Rows are written by `transitions` (what was observed) and `actions` (what was asked) alone.
"""

from workloads.keeping.models import KeptChunk, KeptLog
from workloads.models.action import Action, Bulk, OwnBulks, Verb
from workloads.models.change import PhaseChange, SpecChange
from workloads.models.event import EVENT_WORDS, Event
from workloads.models.pod import Pod
from workloads.models.workload import OfWorkload, Preemptible, SubmittedThrough, Workload
from workloads.queueing.models import KaiQueue, QueueEntry
from workloads.search_text import SearchText
from workloads.usage import Usage

__all__ = [
    "EVENT_WORDS", "Action", "Bulk", "Event", "KaiQueue", "KeptChunk", "KeptLog", "OfWorkload", "OwnBulks",
    "PhaseChange", "Pod", "Preemptible", "QueueEntry", "SearchText", "SpecChange", "SubmittedThrough",
    "Usage", "Verb", "Workload",
]  # fmt: skip
