"""How a pod ended, in words and with what to do: "137: out of memory, limit 8 GiB". Pure."""

import signal
from dataclasses import dataclass

from runyard.kit.pages import gib
from workloads.models import Pod

_NODE = frozenset({"NodeShutdown", "Terminated", "Shutdown", "NodeLost", "NodeNotReady"})
_NO_ROOM = ("OutOf", "UnexpectedAdmissionError", "NodeAffinity", "NodePorts", "TopologyAffinityError")
_LOG = "Look at the end of its log."


@dataclass(frozen=True, slots=True)
class Ending:
    """`words` say what the code alone does not, and are empty where it says it all; `step` is what to do."""

    words: str
    step: str = _LOG


_ASKED_TO_END = frozenset({128 + signal.SIGINT, 128 + signal.SIGKILL, 128 + signal.SIGTERM})
_REASONS = {
    "DeadlineExceeded": Ending("ran longer than allowed", "Give it more time, or make it shorter."),
    "Preempted": Ending("gave way to a pod of higher priority", "It is started again if it is tried again."),
    "Preempting": Ending("gave way to a pod of higher priority", "It is started again if it is tried again."),
    "ContainerCannotRun": Ending("its command cannot be run", "Check the command and the image."),
    "StartError": Ending("its command could not be started", "Check the command and the image."),
}
_CODES = {
    0: Ending("ended well", ""),
    1: Ending("error"),
    126: Ending("its command cannot be run", "Make the file executable, or run it through its interpreter."),
    127: Ending("its command was not found", "Correct the command, or use an image that has it."),
    128 + signal.SIGINT: Ending("interrupted by SIGINT"),
    128 + signal.SIGABRT: Ending("aborted by itself (SIGABRT)"),
    128 + signal.SIGBUS: Ending("bus error", "Often too little shared memory: ask for more of /dev/shm."),
    128 + signal.SIGKILL: Ending(
        "killed (SIGKILL)", "Something ended it at once; the event history may say what."
    ),
    128 + signal.SIGSEGV: Ending("segmentation fault", "A library crashed: look at the end of its log."),
    128 + signal.SIGTERM: Ending("ended by SIGTERM", "It was asked to end; the event history says by whom."),
}


def was_stopped(pod: Pod) -> bool:
    """Whether it ended because it was asked to, which Kubernetes calls failed; not by what it did itself."""
    asked = pod.phase == "Failed" and bool(pod.terminating_at) and pod.reason in ("", "Error")
    return asked and pod.exit_code in (None, *_ASKED_TO_END)


def ending(pod: Pod) -> Ending | None:
    """How `pod` ended; None while it has not."""
    if pod.reason == "OOMKilled":
        return _out_of_memory(pod)
    if pod.reason == "Evicted":
        return Ending(
            f"evicted: {_line(pod.message)}", "Ask for as much as it uses, so that it is not the first to go."
        )
    if pod.reason in _NODE:
        return Ending("its node was lost or shut down", "It is not its fault; run it again.")
    if pod.reason in _REASONS:
        return _REASONS[pod.reason]
    if pod.reason.startswith(_NO_ROOM):
        return Ending(
            f"the node could not take it: {_line(pod.message)}",
            "Run it again; if it stays, tell an administrator.",
        )
    if pod.exit_code is None:
        return Ending("ended well", "") if pod.phase == "Succeeded" else None
    return _CODES.get(pod.exit_code) or _by_signal(pod.exit_code)


def said(pod: Pod) -> str:
    """ "137: out of memory, limit 8 GiB"; without a code the words alone, empty while it has not ended."""
    found = ending(pod)
    code = 0 if pod.exit_code is None and pod.phase == "Succeeded" else pod.exit_code
    return ": ".join(
        part for part in ("" if code is None else str(code), found.words if found else "") if part
    )


def memory_limit(pod: Pod) -> int:
    """Bytes, of the container that ran out of memory, or else the largest; 0 for none."""
    hurt = [one for one in pod.containers if one.get("reason") == "OOMKilled"] or pod.containers
    return max((int(one.get("memory_limit") or 0) for one in hurt), default=0)


def _out_of_memory(pod: Pod) -> Ending:
    limit = memory_limit(pod)
    words = f"out of memory, limit {gib(limit)}" if limit else "out of memory"
    return Ending(words, "Ask for more memory, or make it use less: smaller batches, fewer loader workers.")


def _by_signal(code: int) -> Ending:
    try:
        return Ending(f"ended by {signal.Signals(code - 128).name}")
    except ValueError:
        return Ending("error")


def _line(text: str) -> str:
    line = " ".join(text[:1000].split())
    return f"{line[:299]}…" if len(line) > 300 else line
