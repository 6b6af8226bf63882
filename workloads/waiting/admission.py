"""Why the cluster makes no pod for a workload: quotas, webhooks, pod security, limit ranges. Pure.

The words are those of the API server, passed on by the controller of the root object (FailedCreate).
"""

import re

from workloads.waiting.rules import LOOKED_AT, Explanation, Rule, Told, first, resource, short

_QUOTA = re.compile(
    r"exceeded quota: (?P<quota>[^,\s]{1,253}), requested: (?P<asked>\S{1,800}), used: (?P<used>\S{1,800}), "
    r"limited: (?P<most>\S{1,800})"
)
_AMOUNT = re.compile(r"([\w./-]{1,253})=([\w.]{1,40})")

_USAGE = r"(?P<resource>[\w./-]{1,100}) usage per (?P<of>\w{1,40})"

_RULES = (
    Rule(
        r"failed quota: (?P<quota>[^:\s]{1,253}): must specify (?P<what>[^\n]{1,300})",
        "the quota “{quota}” takes no pod that does not say {what}",
        "Copy the workload and state these amounts.",
    ),
    Rule(
        r'admission webhook "(?P<hook>[^"]{1,253})" denied the request: (?P<why>.{1,1200})',
        "a rule of the cluster refuses its pods: {why}",
        "Change what the rule names, or ask whoever keeps “{hook}”.",
    ),
    Rule(
        r'failed calling webhook "(?P<hook>[^"]{1,253})"',
        "the cluster's check “{hook}” does not answer, and without it no pod is made",
        "An administrator has to look at the check; the cluster tries again by itself.",
    ),
    Rule(
        r'violates PodSecurity "(?P<level>[^"]{1,100})": (?P<why>.{1,1200})',
        "its namespace allows only pods of the level “{level}”: {why}",
        "Change what is named, or have an administrator allow more in the namespace.",
    ),
    Rule(
        r'serviceaccount "(?P<account>[^"]{1,253})" not found',
        "its service account “{account}” does not exist",
        "Create the service account in this namespace, or name one that is there.",
    ),
    Rule(
        r"no PriorityClass with name (?P<name>\S{1,253}) was found",
        "its priority class “{name}” does not exist",
        "Name a priority class that the cluster has.",
    ),
    Rule(
        r"maximum " + _USAGE + r" is (?P<most>[\w.]{1,40}), but (?:limit|request) is (?P<asked>[\w.]{1,40})",
        "{asked} {resource} asked for, {most} is the most for one {of} in this namespace",
        "Ask for less, or have an administrator change the namespace's limit range.",
    ),
    Rule(
        r"minimum " + _USAGE + r" is (?P<least>[\w.]{1,40}), but (?:limit|request) is (?P<asked>[\w.]{1,40})",
        "{asked} {resource} asked for, {least} is the least for one {of} in this namespace",
        "Ask for more, or have an administrator change the namespace's limit range.",
    ),
    Rule(
        r'namespaces "(?P<namespace>[^"]{1,63})" not found',
        "its project's namespace “{namespace}” is not on this cluster",
        "Submit it to another project, or have an administrator create the namespace there.",
    ),
    Rule(
        r"namespaces? .{0,260}because it is being terminated",
        "its namespace is being deleted",
        "Submit it to a project that stays.",
    ),
)


def why_no_pod(told: Told) -> Explanation | None:
    """What the message says about pods that are not made; None where it is about something else."""
    return _quota(told.message[:LOOKED_AT]) or first(_RULES, told)


def _quota(message: str) -> Explanation | None:
    """ "the quota “gpus” is used up: 8 GPUs asked for, 4 of 8 in use"."""
    found = _QUOTA.search(message)
    if found is None:
        return None
    used, most = dict(_AMOUNT.findall(found["used"])), dict(_AMOUNT.findall(found["most"]))
    parts = [
        f"{amount} {resource(name)} asked for, {used.get(name, '?')} of {most.get(name, '?')} in use"
        for name, amount in _AMOUNT.findall(found["asked"])
    ]
    words = f"the quota “{found['quota']}” of its namespace is used up: {'; '.join(parts)}"
    return Explanation(
        short(words), "It starts when enough is given back. Ask for less, or have the quota raised."
    )
