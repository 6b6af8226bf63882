"""What queues say that hold a workload back: KAI's, Kueue's and Volcano's quotas, limits and gangs. Pure."""

from workloads.waiting.rules import Rule

_OVER = "Make it preemptible, so that it may go over quota, wait until others end, or ask for a higher quota."
_END = "It starts when others in the queue end; ask for less to start sooner, or for a higher quota."

_LIMIT = (
    r"(?<![^\s'])(?P<queue>[^\s']{1,253})'? quota has reached the allowable limit of (?P<what>[\w ]{1,30})"
)

KAI = (
    Rule(
        r"Failed to bind pod \S{1,300} to node (?P<node>\S{1,253}): (?P<why>.{1,600})",
        "the node {node} was found for it, and cannot take it: {why}",
        "KAI tries again by itself; where it stays so, an administrator has to look at KAI's binder.",
    ),
    Rule(
        r"Max (?P<resource>\S{1,253}) resources available in a single node in the \S{1,253} node-pool is "
        r"topped at (?P<most>\d{1,15}(?:\.\d{1,9})?(?: GB| cores)?)",
        "asks for more {resource} than any node has: {most} at most",
        "As it is it never starts: ask for less per pod, or have a larger node added.",
        room=True,
    ),
    Rule(
        r"No node in the \S{1,253} node-pool has (?P<resource>\S{1,253}) resources",
        "no node has {resource}",
        "As it is it never starts: ask for none, or have a node added that has it.",
    ),
    Rule(
        r"Requested topology (?P<topology>\S{1,253}) does not exist",
        "its topology “{topology}” does not exist on the cluster",
        "Have an administrator create it, or submit it with one that is there or with none.",
    ),
    Rule(
        r"topology (?P<topology>[^\s,]{1,253}), requirement (?P<level>\S{1,253}) couldn't be satisfied",
        "its pods do not fit close enough together now (topology {topology}, {level})",
        "Wait until more is free in one place, ask for fewer pods, or only prefer the topology.",
        room=True,
    ),
    Rule(
        r"Waiting for (?P<least>\d{1,9}) pods,? .{0,100}?currently (?P<some>\d{1,9}) exist",
        "its pods start together, and {some} of {least} are made yet",
        "It starts when all of them are made: look why not, in its events.",
    ),
    Rule(
        r"Non-preemptible workload is over quota\.\s+Workload requested (?P<asked>[\d.]+) "
        r"(?P<what>[A-Za-z ]{1,20}?), but (?P<queue>\S{1,253}) quota is (?P<quota>[\d.]+)[^,]{0,20}, "
        r"while (?P<used>[\d.]+) ",
        "over quota of {what}: {asked} asked for, queue {queue} has {quota}, of which {used} are taken",
        _OVER,
    ),
    Rule(
        r"Non-preemptible workload is over quota",
        "over quota, which a workload that must not be preempted cannot be",
        _OVER,
    ),
    Rule(
        _LIMIT + r"\. "
        r"Limit is (?P<limit>[\d.]+) [^,]{1,20}, currently (?P<used>[\d.]+) .{1,40}?requested "
        r"(?P<asked>[\d.]+)",
        "over the limit of {what} of queue {queue}: {asked} asked for, {used} of {limit} in use",
        "It starts when others in the queue end; ask for less, or for a higher limit.",
    ),
    Rule(
        _LIMIT,
        "queue {queue} is at its limit of {what}",
        "It starts when others in the queue end; ask for less, or for a higher limit.",
    ),
    Rule(
        r"",
        "its queue does not exist on the cluster",
        "Have an administrator create the queue, or submit it to one that is there.",
        reasons=frozenset({"QueueDoesNotExist"}),
    ),
    Rule(
        r"QueueDoesNotExist|[Qq]ueue '?[^\s']{1,253}'? (?:does not|doesn't) exist",
        "its queue does not exist on the cluster",
        "Have an administrator create the queue, or submit it to one that is there.",
    ),
    Rule(
        r"PreemptionDelayNotElapsed|[Pp]reemption delay",
        "it may not take the place of others yet",
        "It waits for its preemption delay, or until there is room.",
    ),
    Rule(
        r"node-group\(s\) didn't have enough resources: (?P<what>[\w ]{1,30})",
        "no group of nodes that are close enough has enough free {what}",
        "Wait until more is free in one group, ask for less, or drop the topology constraint.",
        room=True,
    ),
    Rule(
        r"Pod \S{1,300} was preempted by (?:higher priority )?workload (?P<namespace>[^\s/]{1,63}/)"
        r"(?:pg-)?(?P<who>\S{1,300}?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?\.?(?:\s|$)",
        "it gave way to workload {namespace}{who}",
        "It starts again by itself when there is room.",
    ),
    Rule(
        r"minimum required number of pods \((?P<least>\d+)\)",
        "fewer than the {least} pods it needs together could run, so the rest were taken away",
        "It starts again when all of them have room.",
    ),
)

_TOO_MUCH = r"insufficient quota for (?P<resource>\S{1,253}) in flavor (?P<flavor>[^,]{1,253}), "

KUEUE = (
    Rule(
        r"Pending the preemption of (?P<count>\d+) workload",
        "waits for workloads that give way to it to end ({count})",
        "It starts by itself when they have ended.",
    ),
    Rule(
        _TOO_MUCH
        + r"previously considered podsets requests \((?P<before>[^)]{1,40})\) \+ current podset request "
        r"\((?P<asked>[^)]{1,40})\) > maximum capacity \((?P<most>[^)]{1,40})\)",
        "asks for more {resource} than its queue can ever have: {asked}, where flavor {flavor} has {most}",
        "As it is it never starts: ask for less, or have an administrator raise the quota.",
    ),
    Rule(
        _TOO_MUCH + r"request > maximum capacity \((?P<asked>[^ )]{1,40}) > (?P<most>[^)]{1,40})\)",
        "asks for more {resource} than its queue can ever have: {asked}, where flavor {flavor} has {most}",
        "As it is it never starts: ask for less, or have an administrator raise the quota.",
    ),
    Rule(
        r"insufficient unused quota (?:in cohort )?for (?P<resource>\S{1,253}) in flavor "
        r"(?P<flavor>[^,]{1,253}), (?P<more>[^\s,]{1,40}) more needed",
        "waits for quota of {resource} in flavor {flavor}: {more} more needed",
        _END,
    ),
    Rule(
        r'topology "(?P<topology>[^"]{1,253})" allows to fit only (?P<some>\d+) out of (?P<all>\d+) '
        r"(?P<what>pod|slice)",
        "only {some} of its {all} {what}s fit close enough together (topology {topology})",
        "Wait until more is free in one place, ask for fewer pods, or only prefer the topology.",
    ),
    Rule(
        r'topology "(?P<topology>[^"]{1,253})" doesn\'t allow to fit any of 1 pod\b',
        "no place has room for its pod (topology {topology})",
        "Wait until more is free in one place, ask for less, or drop the topology constraint.",
    ),
    Rule(
        r'topology "(?P<topology>[^"]{1,253})" doesn\'t allow to fit any of (?P<all>\d+) (?P<what>pod|slice)',
        "none of its {all} {what}s fits close enough together (topology {topology})",
        "Wait until more is free in one place, ask for less per pod, or drop the topology constraint.",
    ),
    Rule(
        r"untolerated taint [^}]{0,200}\} in flavor (?P<flavor>[^\s,;]{1,253})",
        "no flavor of its queue fits: {flavor} has a taint it does not tolerate",
        "Add a toleration for it, or submit to a queue with another flavor.",
    ),
    Rule(
        r"flavor (?P<flavor>[^\s,;]{1,253}) doesn't match node affinity",
        "no flavor of its queue fits its node selector or affinity",
        "Change the node selector or affinity, or submit to a queue with another flavor.",
    ),
    Rule(
        r'Flavor "(?P<flavor>[^"]{1,253})" does not '
        r"(?:support TopologyAwareScheduling|contain the requested level)",
        "its queue cannot place its pods by the topology it asks for (flavor {flavor})",
        "Drop the topology constraint or name a level that is there, or submit to another queue.",
    ),
    Rule(
        r'Flavor "(?P<flavor>[^"]{1,253})" supports only TopologyAwareScheduling',
        "its queue takes only pods that ask for a topology (flavor {flavor})",
        "Ask for a topology, or submit to another queue.",
    ),
    Rule(
        r"resource (?P<resource>\S{1,253}) unavailable in ClusterQueue",
        "its queue gives out no {resource}",
        "As it is it never starts: ask for none, or submit to a queue that has a quota of it.",
    ),
    Rule(
        r"resources didn't satisfy LimitRange constraints: (?P<what>.{1,600})",
        "it asks for more or less than its namespace allows: {what}",
        "Ask for amounts within the limit range of the namespace.",
    ),
    Rule(
        r"",
        "no flavor of its queue fits what it asks for",
        "Change its node selector, tolerations or resources, or submit to another queue.",
        reasons=frozenset({"NoMatchingFlavor"}),
        general=True,
    ),
    Rule(
        r"(?P<kind>ClusterQueue|LocalQueue) (?P<queue>\S{1,253}) "
        r"(?:doesn't exist|does not exist|is terminating or missing|not found)",
        "its queue does not exist ({kind} {queue})",
        "Have an administrator create the queue, or submit it to one that is there.",
    ),
    Rule(
        r"(?P<kind>ClusterQueue|LocalQueue) (?P<queue>\S{1,253}) is (?:inactive|stopped)",
        "its queue takes nothing now ({kind} {queue})",
        "An administrator stopped the queue, or a flavor or admission check it names is missing; "
        "it has to be made active again.",
    ),
    Rule(
        r"^The (?:ClusterQueue|LocalQueue) is stopped$",
        "an administrator stopped its queue",
        "It is queued again and starts by itself once the queue is active and has room.",
    ),
    Rule(
        r"namespace doesn't match ClusterQueue selector",
        "its queue does not take workloads of this namespace",
        "Submit it to a queue that is open to the namespace, or have an administrator open this one.",
    ),
    Rule(
        r"no longer fits after processing another workload|overlapping preemption targets with another",
        "another workload of the queue went first and took the room",
        "It is looked at again by itself.",
    ),
    Rule(
        r"Preempted to accommodate a workload \(UID: [^)]{1,200}\)(?: due to (?P<why>[^;]{1,200}))?",
        "it gave way to another workload ({why})",
        "It is queued again and starts by itself when there is room.",
    ),
    Rule(
        r"Exceeded the PodsReady timeout",
        "its pods were not ready in time",
        "It is tried again by itself. Look why its pods do not become ready: images, volumes, start-up.",
    ),
    Rule(
        r"[Ww]aiting for all admitted workloads to be in (?:the )?PodsReady condition",
        "waits until the workloads before it are ready",
        "It starts by itself.",
    ),
    Rule(
        r"^At least one admission check is false$",
        "an admission check took its quota back",
        "It is queued again; an administrator knows what the check waits for.",
    ),
    Rule(
        r"no replacement for a failed node: (?P<node>\S{1,253})",
        "its node {node} failed, and no other could take its place",
        "It is queued again and starts by itself when there is room.",
    ),
    Rule(
        r"AdmissionCheck for (?P<check>\S{1,253}) was Rejected(?:: (?P<why>.{1,600}))?",
        "the admission check “{check}” refused it ({why})",
        "Put right what the check wants, then run it again; an administrator knows the check.",
    ),
    Rule(
        r"^The workload has failed admission checks$",
        "an admission check of its queue did not let it pass",
        "It starts when the check is passed; an administrator knows what it waits for.",
    ),
    Rule(
        r"[Ww]orkload is deactivated due to Admission check\(s\): (?P<checks>.{1,600}), were rejected",
        "it was refused by the admission checks of its queue ({checks})",
        "Put right what the check wants, then run it again; an administrator knows the check.",
        general=True,
    ),
    Rule(
        r"[Ww]orkload is deactivated due to exceeding the maximum execution time",
        "it ran longer than the longest time it was given in its queue",
        "Run it again with more time (the label kueue.x-k8s.io/max-exec-time-seconds) or less to do.",
    ),
    Rule(
        r"[Ww]orkload is deactivated due to exceeding the maximum number of re-queuing retries",
        "its pods were not ready in time too often, so it was switched off in its queue",
        "Look why its pods do not become ready: images, volumes, start-up. Then run it again.",
    ),
    Rule(
        r"[Tt]he [Ww]orkload is deactivated due to (?P<why>.{1,600}?)\.?$",
        "it was switched off in its queue because of {why}",
        "Put right what was in the way, then run it again.",
    ),
    Rule(
        r"[Tt]he [Ww]orkload is deactivated",
        "it was switched off in its queue",
        "Whoever set it inactive has to set spec.active of its Kueue Workload again.",
    ),
)

VOLCANO = (
    Rule(
        r"(?<!\d)(?P<without>\d{1,6})/(?P<all>\d{1,6}) tasks in gang unschedulable: pod group is not ready, "
        r".{0,300}?(?P<least>\d{1,6}) minAvailable",
        "its pods start together ({least} at least), and {without} of {all} have no room yet",
        "It starts when all of them have room; ask for fewer pods or less per pod to start sooner.",
        room=True,
    ),
    Rule(
        r"queue resource quota insufficient(?:: insufficient (?P<resource>[\w./-]{1,253}))?",
        "its queue has no quota left {resource}",
        _END,
    ),
)

AUTOSCALING = (
    Rule(
        r"pod triggered scale-up",
        "a node is being added for it",
        "It starts by itself when the node is ready, which takes minutes.",
        reasons=frozenset({"TriggeredScaleUp"}),
    ),
    Rule(
        r"[Pp]od didn't trigger scale-up",
        "no node has room, and none can be added for it",
        "The node groups are at their largest, or none fits what it asks for: ask for less, or wait.",
        general=True,
        room=True,
    ),
)

OTHERS = (
    Rule(
        r"Preempted by (?:a )?pod \S{1,300} on node (?P<node>\S{1,253})",
        "a pod of higher priority took its place on {node}",
        "It starts again by itself when there is room.",
    ),
    Rule(
        r"non-empty scheduling gates",
        "held back by a scheduling gate",
        "Whatever set the gate has to take it away; a queue such as Kueue does so when it has room.",
    ),
)

RULES = (*KUEUE, *KAI, *VOLCANO, *AUTOSCALING, *OTHERS)
