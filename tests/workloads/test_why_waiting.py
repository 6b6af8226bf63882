"""What schedulers, queues, controllers and nodes write, and the sentence that people read instead.

The messages are as those programs write them: kube-scheduler, KAI, Kueue, Volcano, Job controller, kubelet.
"""

# ruff: noqa: E501 - messages stand as they are written

import pytest

from workloads.waiting.rules import LOOKED_AT, SHORT, Told
from workloads.waiting.told import explain, words

NO_VICTIMS = (
    " preemption: 0/{0} nodes are available: {0} No preemption victims found for incoming pod.".format
)

CASES = {
    "GPUs on every node taken": (
        "Unschedulable",
        "0/96 nodes are available: 96 Insufficient nvidia.com/gpu." + NO_VICTIMS(96),
        "not enough free GPUs on any of 96 nodes",
        "Ask for less per pod",
    ),
    "two resources short": (
        "Unschedulable",
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." + NO_VICTIMS(1),
        "not enough free memory and CPU on the node",
        "Ask for less per pod",
    ),
    "several parts": (
        "Unschedulable",
        "0/96 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "7 node(s) didn't match Pod's node affinity/selector, 88 Insufficient nvidia.com/gpu. preemption: 0/96 "
        "nodes are available: 8 Preemption is not helpful for scheduling, 88 No preemption victims found for "
        "incoming pod.",
        "no node of 96 takes it: 88 do not have enough free GPUs, 7 do not match its node selector or affinity, "
        "1 has the taint node-role.kubernetes.io/control-plane, which it does not tolerate",
        "It starts when enough is given back",
    ),
    "a taint with a value": (
        "Unschedulable",
        "0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: inference}. preemption: 0/2 nodes "
        "are available: 2 Preemption is not helpful for scheduling.",
        "all 2 nodes have the taint dedicated=inference, which it does not tolerate",
        "toleration for the taint dedicated=inference",
    ),
    "a taint that newer schedulers do not name": (
        "Unschedulable",
        "0/3 nodes are available: 3 node(s) had untolerated taint(s). no new claims to deallocate, preemption: "
        "0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        "all 3 nodes have a taint it does not tolerate",
        "Add a toleration",
    ),
    "cordoned": (
        "Unschedulable",
        "0/1 nodes are available: 1 node(s) were unschedulable." + NO_VICTIMS(1),
        "the node is closed for new pods (cordoned)",
        "open them again",
    ),
    "pod affinity": (
        "Unschedulable",
        "0/3 nodes are available: 3 node(s) didn't match pod affinity rules." + NO_VICTIMS(3),
        "all 3 nodes do not hold the pods it wants to be near (pod affinity)",
        "drop the pod affinity",
    ),
    "pod anti-affinity": (
        "Unschedulable",
        "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules." + NO_VICTIMS(3),
        "all 3 nodes are taken by pods it must not be near (pod anti-affinity)",
        "Wait until those pods end",
    ),
    "topology spread": (
        "Unschedulable",
        "0/4 nodes are available: 4 node(s) didn't match pod topology spread constraints." + NO_VICTIMS(4),
        "all 4 nodes have too many of its pods already for its topology spread",
        "maxSkew",
    ),
    "topology spread without the label": (
        "Unschedulable",
        "0/4 nodes are available: 4 node(s) didn't match pod topology spread constraints (missing required "
        "label).",
        "all 4 nodes do not have the label its topology spread counts by",
        "have the nodes labelled",
    ),
    "a host port": (
        "Unschedulable",
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
        "the node has the host port it asks for taken",
        "Ask for no host port",
    ),
    "a volume elsewhere": (
        "Unschedulable",
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had volume node affinity conflict.",
        "no node of 3 takes it: 2 are where its volume cannot be used, 1 does not have enough free CPU",
        "It starts when enough is given back",
    ),
    "a claim that is not there": (
        "Unschedulable",
        '0/3 nodes are available: persistentvolumeclaim "datasets" not found. preemption: 0/3 nodes are '
        "available: 3 Preemption is not helpful for scheduling.",
        "its volume claim “datasets” does not exist",
        "Create the claim",
    ),
    "a claim without a volume": (
        "Unschedulable",
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are "
        "available: 3 Preemption is not helpful for scheduling.",
        "its volume claim has no volume yet",
        "storage class",
    ),
    "no node at all": (
        "Unschedulable",
        "no nodes available to schedule pods",
        "the cluster has no node that takes pods",
        "add a node",
    ),
    "devices that are claimed": (
        "Unschedulable",
        "0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: not helpful.",
        "all 2 nodes have no device that fits its resource claims",
        "devices",
    ),
    "a part that nobody knows": (
        "Unschedulable",
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were struck by lightning.",
        "no node of 2 takes it: 1 does not have enough free CPU, 1 says “node(s) were struck by lightning”",
        "It starts when enough is given back",
    ),
    "a gate": (
        "SchedulingGated",
        "Scheduling is blocked due to non-empty scheduling gates",
        "held back by a scheduling gate",
        "Kueue",
    ),
    "a node is on its way": (
        "TriggeredScaleUp",
        "pod triggered scale-up: [{gpu-pool 1->2 (max: 8)}]",
        "a node is being added for it",
        "takes minutes",
    ),
    "no node can be added": (
        "NotTriggerScaleUp",
        "pod didn't trigger scale-up: 1 max node group size reached",
        "no node has room, and none can be added for it",
        "at their largest",
    ),
    "preempted": (
        "Preempted",
        "Preempted by pod 3a7a2c1e-5b4f-4dc2-9a56-2f8e2f1f4d11 on node gpu-7",
        "a pod of higher priority took its place on gpu-7",
        "starts again by itself",
    ),
    "KAI: full nodes": (
        "Unschedulable",
        "no nodes with enough resources were found: 2 node(s) had untolerated taint(s). \n5 node(s) didn't have "
        "enough resources: GPUs.",
        "no node takes it: 5 do not have enough free GPUs, 2 have a taint it does not tolerate",
        "It starts when enough is given back",
    ),
    "KAI: a gang": (
        "Unschedulable",
        "PodSchedulingErrors: Resources were found for 2 pods while 3 are required for gang scheduling. Additional "
        "pods cannot be scheduled due to: no nodes with enough resources were found: 3 node(s) didn't have enough "
        "resources: GPUs..",
        "room for 2 of the 3 pods it starts together: not enough free GPUs on any of 3 nodes",
        "It starts when enough is given back",
    ),
    "KAI: over quota": (
        "Unschedulable",
        "Non-preemptible workload is over quota. Workload requested 4 GPUs, but red quota is 8 GPUs, while 6 GPUs "
        "are already allocated for non-preemptible pods. Use a preemptible workload to go over quota.",
        "over quota of GPUs: 4 asked for, queue red has 8, of which 6 are taken",
        "Make it preemptible",
    ),
    "KAI: at the limit": (
        "Unschedulable",
        "gpu-queue quota has reached the allowable limit of GPUs. Limit is 8 GPUs, currently 6 GPUs allocated and "
        "workload requested 4 GPUs",
        "over the limit of GPUs of queue gpu-queue: 4 asked for, 6 of 8 in use",
        "a higher limit",
    ),
    "KAI: no such queue": (
        "QueueDoesNotExist",
        "Queue 'red' does not exist",
        "its queue does not exist on the cluster",
        "create the queue",
    ),
    "KAI: topology": (
        "Unschedulable",
        "Unable to schedule podgroup. Not enough resources for the workload: node-group(s) didn't have enough "
        "resources: GPUs.",
        "no group of nodes that are close enough has enough free GPUs",
        "topology constraint",
    ),
    "KAI: reclaimed": (
        "Evict",
        "Pod red/sft-0 was preempted by workload green/eval.",
        "it gave way to workload green/eval",
        "starts again by itself",
    ),
    "KAI 0.12: over the limit of the queue above": (
        "OverLimit",
        "parentlim quota has reached the allowable limit of GPUs. Limit is 2 GPUs, currently 0 GPUs allocated and "
        "workload requested 3 GPUs",
        "over the limit of GPUs of queue parentlim: 3 asked for, 0 of 2 in use",
        "a higher limit",
    ),
    "KAI 0.12: over quota": (
        "NonPreemptibleOverQuota",
        "Non-preemptible workload is over quota. Workload requested 1 GPUs, but quo quota is 2 GPUs, while 2 GPUs are "
        "already allocated for non-preemptible pods. Use a preemptible workload to go over quota.",
        "over quota of GPUs: 1 asked for, queue quo has 2, of which 2 are taken",
        "Make it preemptible",
    ),
    "KAI 0.12: more GPUs than a node has": (
        "PodSchedulingErrors",
        "Resources were not found for pod kteam/e-toobig-pbttc due to: Scheduling conditions were not met for pod "
        "kteam/e-toobig-pbttc:\nMaxNodePoolResources: The pod kteam/e-toobig-pbttc requires GPU: 16, CPU: 1 (cores), "
        "memory: 1.073 (GB). Max GPU resources available in a single node in the default node-pool is topped at 8.\n",
        "asks for more GPUs than any node has: 8 at most",
        "never starts",
    ),
    "KAI 0.12: more memory than a node has": (
        "Unschedulable",
        "Scheduling conditions were not met for pod kteam/h-mem-kbqls:\nMaxNodePoolResources: The pod "
        "kteam/h-mem-kbqls requires GPU: 0, CPU: 1 (cores), memory: 9663.676 (GB). Max memory resources available in a "
        "single node in the default node-pool is topped at 2199.023 GB.\n",
        "asks for more memory than any node has: 2199.023 GB at most",
        "never starts",
    ),
    "KAI 0.12: a resource that no node has": (
        "Unschedulable",
        "Scheduling conditions were not met for pod kteam/l-foo-xghls:\nMaxNodePoolResources: The pod "
        "kteam/l-foo-xghls requires GPU: 1, CPU: 1 (cores), memory: 1.073 (GB), example.com/foo: 1000 (GB). No node in "
        "the default node-pool has example.com/foo resources.\n",
        "no node has example.com/foo",
        "ask for none",
    ),
    "KAI 0.12: a claim that is not there": (
        "Unschedulable",
        'Scheduling conditions were not met for pod kteam/j-claim-sdwxq:\nVolumeBinding: persistentvolumeclaim "missing" '
        "not found.\n",
        "its volume claim “missing” does not exist",
        "Create the claim",
    ),
    "KAI 0.12: nodes of two minds": (
        "PodSchedulingErrors",
        "Resources were not found for pod kteam/f-selector-prpkd due to: no nodes with enough resources were found: 1 "
        "node(s) didn't match Pod's node affinity/selector. \n3 node(s) didn't have enough resources: GPUs.",
        "no node takes it: 3 do not have enough free GPUs, 1 does not match its node selector or affinity",
        "It starts when enough is given back",
    ),
    "KAI 0.12: a topology that is not there": (
        "PodSchedulingErrors",
        "Requested topology nothing does not exist",
        "its topology “nothing” does not exist on the cluster",
        "create it",
    ),
    "KAI 0.12: a topology without room": (
        "PodSchedulingErrors",
        "topology racks, requirement kubernetes.io/hostname couldn't be satisfied for job "
        "<kteam/pg-t-topo-skzts-29d22dd5-1754-4188-bed6-4b8159802162>: not enough resources in the cluster to allocate "
        "the job",
        "its pods do not fit close enough together now (topology racks, kubernetes.io/hostname)",
        "only prefer the topology",
    ),
    "KAI 0.12: reclaimed": (
        "Evict",
        "Pod kteam/a-runs-w7tmd was preempted by workload kteam/pg-q-low-6sp59-d54c8b08-0f42-468f-b0eb-1dd944bc1785.\n"
        "big uses <GPU: 18, CPU: 4 (cores), memory: 4.294 (GB)> with a quota of <GPU: 0, CPU: Unlimited (cores), memory: "
        "Unlimited (GB)>, fair-share of <GPU: 24, CPU: 352 (cores), memory: 4947.802 (GB)> and queue priority of <100>.",
        "it gave way to workload kteam/q-low-6sp59",
        "starts again by itself",
    ),
    "KAI 0.12: a node was found and refused": (
        "BindingError",
        'Failed to bind pod kteam/u-frac-dskpp to node l4-001: pods "gpu-reservation-l4-001-6gvkn" is forbidden: error '
        "looking up service account kai-resource-reservation/kai-resource-reservation: serviceaccount "
        '"kai-resource-reservation" not found',
        'the node l4-001 was found for it, and cannot take it: pods "gpu-reservation-l4-001-6gvkn" is forbidden: error '
        "looking up service account kai-resource-reservation/kai-resource-reservation: serviceaccount "
        '"kai-resource-reservation" not found',
        "KAI's binder",
    ),
    "Kueue 0.15: quota without its check": (
        "Pending",
        "The workload has failed admission checks",
        "an admission check of its queue did not let it pass",
        "administrator",
    ),
    "Kueue: waits for quota": (
        "Pending",
        "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor h100, 8 "
        "more needed",
        "waits for quota of GPUs in flavor h100: 8 more needed",
        "others in the queue end",
    ),
    "Kueue: more than there ever is": (
        "ExceedsMaxQuota",
        "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor h100, previously "
        "considered podsets requests (0) + current podset request (32) > maximum capacity (16)",
        "asks for more GPUs than its queue can ever have: 32, where flavor h100 has 16",
        "never starts",
    ),
    "Kueue before 0.15: more than there ever is": (
        "Pending",
        "couldn't assign flavors to pod set main: insufficient quota for cpu in flavor default-flavor, request > "
        "maximum capacity (24 > 16)",
        "asks for more CPU than its queue can ever have: 24, where flavor default-flavor has 16",
        "never starts",
    ),
    "Kueue: others give way": (
        "WaitingForPreemptedWorkloads",
        "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default-flavor, 3 "
        "more needed. Pending the preemption of 1 workload(s)",
        "waits for workloads that give way to it to end (1)",
        "starts by itself",
    ),
    "Kueue: topology": (
        "TopologyPlacementFailed",
        'couldn\'t assign flavors to pod set main: topology "default" allows to fit only 4 out of 6 pod(s)',
        "only 4 of its 6 pods fit close enough together (topology default)",
        "one place",
    ),
    "Kueue: no flavor": (
        "NoMatchingFlavor",
        "couldn't assign flavors to pod set main: flavor h100 doesn't match node affinity",
        "no flavor of its queue fits its node selector or affinity",
        "another flavor",
    ),
    "Kueue: no queue": (
        "Inadmissible",
        "LocalQueue team-a doesn't exist",
        "its queue does not exist (LocalQueue team-a)",
        "create the queue",
    ),
    "Kueue: a stopped queue": (
        "Inadmissible",
        "ClusterQueue team-a is inactive",
        "its queue takes nothing now (ClusterQueue team-a)",
        "made active",
    ),
    "Kueue: preempted": (
        "Stopped",
        "Preempted to accommodate a workload (UID: 2daed6fd, JobUID: 5e63deb5) due to reclamation within the cohort; "
        "preemptor path: /pool/team-b; preemptee path: /pool/team-a",
        "it gave way to another workload (reclamation within the cohort)",
        "queued again",
    ),
    "Kueue 0.15: one flavor is too small, the other is taken": (
        "Pending",
        "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor l4, previously "
        "considered podsets requests (0) + current podset request (6) > maximum capacity (4), insufficient unused "
        "quota for nvidia.com/gpu in flavor h100, 2 more needed",
        "waits for quota of GPUs in flavor h100: 2 more needed",
        "others in the queue end",
    ),
    "Kueue 0.15: both flavors are too small": (
        "Pending",
        "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor h100, previously "
        "considered podsets requests (0) + current podset request (12) > maximum capacity (8), insufficient quota for "
        "nvidia.com/gpu in flavor l4, previously considered podsets requests (0) + current podset request (12) > "
        "maximum capacity (4)",
        "asks for more GPUs than its queue can ever have: 12, where flavor h100 has 8",
        "never starts",
    ),
    "Kueue 0.15: a queue that is not there": (
        "Inadmissible",
        "LocalQueue q-missing doesn't exist",
        "its queue does not exist (LocalQueue q-missing)",
        "create the queue",
    ),
    "Kueue 0.15: a queue that leads nowhere": (
        "Inadmissible",
        "ClusterQueue missing-cq doesn't exist",
        "its queue does not exist (ClusterQueue missing-cq)",
        "create the queue",
    ),
    "Kueue 0.15: a queue that is held, or lacks a flavor or a check": (
        "Inadmissible",
        "LocalQueue q-lheld is inactive",
        "its queue takes nothing now (LocalQueue q-lheld)",
        "a flavor or admission check it names is missing",
    ),
    "Kueue: a queue that was taken away": (
        "Inadmissible",
        "LocalQueue q-goes is terminating or missing",
        "its queue does not exist (LocalQueue q-goes)",
        "create the queue",
    ),
    "Kueue 0.15: drained": (
        "ClusterQueueStopped",
        "The ClusterQueue is stopped",
        "an administrator stopped its queue",
        "starts by itself",
    ),
    "Kueue 0.15: a resource without a quota": (
        "Pending",
        "couldn't assign flavors to pod set main: resource example.com/foo unavailable in ClusterQueue",
        "its queue gives out no example.com/foo",
        "never starts",
    ),
    "Kueue 0.15: a tainted flavor": (
        "Pending",
        "couldn't assign flavors to pod set main: untolerated taint {dedicated inference NoSchedule <nil>} in flavor "
        "tainted",
        "no flavor of its queue fits: tainted has a taint it does not tolerate",
        "Add a toleration",
    ),
    "Kueue 0.15: another namespace's queue": (
        "Pending",
        "Workload namespace doesn't match ClusterQueue selector",
        "its queue does not take workloads of this namespace",
        "open to the namespace",
    ),
    "Kueue 0.15: a limit range": (
        "Pending",
        "resources didn't satisfy LimitRange constraints: spec.podSets[0].template.spec.containers[0]: Invalid value: "
        '["cpu"]: requests must not be above the limitRange max',
        "it asks for more or less than its namespace allows: spec.podSets[0].template.spec.containers[0]: Invalid "
        'value: ["cpu"]: requests must not be above the limitRange max',
        "limit range",
    ),
    "Kueue 0.15: one pod that fits nowhere": (
        "Pending",
        "couldn't assign flavors to pod set main: topology \"racks\" doesn't allow to fit any of 1 pod(s)",
        "no place has room for its pod (topology racks)",
        "ask for less",
    ),
    "Kueue 0.15: a topology in a queue without": (
        "Pending",
        'couldn\'t assign flavors to pod set main: Flavor "any" does not support TopologyAwareScheduling',
        "its queue cannot place its pods by the topology it asks for (flavor any)",
        "Drop the topology",
    ),
    "Kueue 0.15: a level that is not there": (
        "Pending",
        'couldn\'t assign flavors to pod set main: Flavor "tas" does not contain the requested level',
        "its queue cannot place its pods by the topology it asks for (flavor tas)",
        "name a level that is there",
    ),
    "Kueue 0.15: another one was faster": (
        "Pending",
        "Workload no longer fits after processing another workload",
        "another workload of the queue went first and took the room",
        "by itself",
    ),
    "Kueue 0.15: preempted": (
        "Preempted",
        "Preempted to accommodate a workload (UID: 9da5e543-a89e-422b-9d77-977f13b83b7a, JobUID: "
        "ea22494a-6010-42e3-8630-f0d16eab802f) due to prioritization in the ClusterQueue; preemptor path: /prio; "
        "preemptee path: /prio",
        "it gave way to another workload (prioritization in the ClusterQueue)",
        "starts by itself",
    ),
    "Kueue 0.15: pods that were not ready": (
        "PodsReadyTimeout",
        "Exceeded the PodsReady timeout team/job-v-notready-c5c27",
        "its pods were not ready in time",
        "images, volumes",
    ),
    "Kueue 0.15: pods that were never ready": (
        "DeactivatedDueToRequeuingLimitExceeded",
        "The workload is deactivated due to exceeding the maximum number of re-queuing retries",
        "its pods were not ready in time too often, so it was switched off in its queue",
        "Then run it again",
    ),
    "Kueue 0.15: a check that failed for now": (
        "AdmissionCheck",
        "At least one admission check is false",
        "an admission check took its quota back",
        "queued again",
    ),
    "Kueue 0.15: a check that refused": (
        "DeactivatedDueToAdmissionCheck",
        "The workload is deactivated due to Admission check(s): budget, were rejected",
        "it was refused by the admission checks of its queue (budget)",
        "Put right",
    ),
    "Kueue 0.15: why the check refused": (
        "AdmissionCheckRejected",
        "Deactivating workload because AdmissionCheck for budget was Rejected: the project has no budget",
        "the admission check “budget” refused it (the project has no budget)",
        "Put right",
    ),
    "Kueue 0.15: it ran too long": (
        "DeactivatedDueToMaximumExecutionTimeExceeded",
        "The workload is deactivated due to exceeding the maximum execution time",
        "it ran longer than the longest time it was given in its queue",
        "more time",
    ),
    "Volcano: a gang": (
        "Unschedulable",
        "3/4 tasks in gang unschedulable: pod group is not ready, 3 Pending, 1 Running, 4 minAvailable",
        "its pods start together (4 at least), and 3 of 4 have no room yet",
        "all of them have room",
    ),
    "Volcano: nodes": (
        "Unschedulable",
        "0/4 nodes are unavailable: 4 Insufficient nvidia.com/gpu.",
        "not enough free GPUs on any of 4 nodes",
        "It starts when enough is given back",
    ),
    "a namespace's quota": (
        "FailedCreate",
        'Error creating: pods "sft-x7k2p" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=8, '
        "used: requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=8",
        "the quota “gpus” of its namespace is used up: 8 GPUs asked for, 4 of 8 in use",
        "have the quota raised",
    ),
    "a quota that wants amounts": (
        "FailedCreate",
        'Error creating: pods "sft-x7k2p" is forbidden: failed quota: compute: must specify limits.cpu for: main',
        "the quota “compute” takes no pod that does not say limits.cpu for: main",
        "state these amounts",
    ),
    "a webhook that says no": (
        "FailedCreate",
        'Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/red/sft was '
        "blocked due to the following policies: require-labels: team is missing",
        "a rule of the cluster refuses its pods: resource Pod/red/sft was blocked due to the following policies: "
        "require-labels: team is missing",
        "validate.kyverno.svc-fail",
    ),
    "a webhook that is away": (
        "FailedCreate",
        'Error creating: Internal error occurred: failed calling webhook "mpod.kb.io": failed to call webhook: Post '
        '"https://kueue-webhook.kueue-system.svc:443/mutate?timeout=10s": dial tcp 10.96.1.2:443: connect: '
        "connection refused",
        "the cluster's check “mpod.kb.io” does not answer, and without it no pod is made",
        "administrator",
    ),
    "pod security": (
        "FailedCreate",
        'Error creating: pods "sft-1" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false)',
        "its namespace allows only pods of the level “restricted:latest”: allowPrivilegeEscalation != false "
        '(container "main" must set securityContext.allowPrivilegeEscalation=false)',
        "allow more in the namespace",
    ),
    "a limit range": (
        "FailedCreate",
        'Error creating: pods "sft-1" is forbidden: maximum memory usage per Container is 4Gi, but limit is 8Gi',
        "8Gi memory asked for, 4Gi is the most for one Container in this namespace",
        "Ask for less",
    ),
    "a namespace that is not there": (
        "NotCreated",
        'namespaces "ads" not found',
        "its project's namespace “ads” is not on this cluster",
        "create the namespace",
    ),
    "a service account": (
        "FailedCreate",
        'Error creating: pods "sft-1" is forbidden: error looking up service account red/trainer: serviceaccount '
        '"trainer" not found',
        "its service account “trainer” does not exist",
        "Create the service account",
    ),
    "a private image": (
        "ErrImagePull",
        'rpc error: code = Unknown desc = failed to pull and unpack image "docker.io/library/nope:latest": failed to '
        'resolve reference "docker.io/library/nope:latest": pull access denied, repository does not exist or may '
        "require authorization: server message: insufficient_scope: authorization failed",
        "its image docker.io/library/nope:latest does not exist, or is not to be pulled without a password",
        "pull secret",
    ),
    "a tag that is not there": (
        "ImagePullBackOff",
        'Back-off pulling image "registry.example/torch:9.9": ErrImagePull: rpc error: code = NotFound desc = failed '
        'to pull and unpack image "registry.example/torch:9.9": failed to resolve reference '
        '"registry.example/torch:9.9": registry.example/torch:9.9: not found',
        "its image registry.example/torch:9.9 is not in the registry",
        "Check name and tag",
    ),
    "manifest unknown": (
        "ErrImagePull",
        "Error response from daemon: manifest for torch:9.9 not found: manifest unknown: manifest unknown",
        "its image is not in the registry",
        "Check name and tag",
    ),
    "unauthorized": (
        "ErrImagePull",
        'failed to pull and unpack image "ghcr.io/acme/train:1": failed to resolve reference "ghcr.io/acme/train:1": '
        "failed to authorize: failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized",
        "the registry does not let the cluster pull its image ghcr.io/acme/train:1",
        "pull secret",
    ),
    "a pull limit": (
        "ErrImagePull",
        "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may "
        "increase the limit by authenticating and upgrading",
        "the registry gives no more images for now: its pull limit is reached",
        "tried again by itself",
    ),
    "an unknown registry": (
        "ErrImagePull",
        'failed to do request: Head "https://registry.nope/v2/x/manifests/1": dial tcp: lookup registry.nope on '
        "10.96.0.10:53: no such host",
        "the registry registry.nope is not known on the network",
        "Check the name of the image",
    ),
    "the wrong processor": (
        "ErrImagePull",
        'failed to pull and unpack image "x/y:1": no match for platform in manifest: not found',
        "its image x/y:1 is not made for the processors of this node",
        "amd64 or arm64",
    ),
    "backing off, no more said": (
        "ImagePullBackOff",
        'Back-off pulling image "x/y:1"',
        "its image x/y:1 cannot be pulled",
        "event history",
    ),
    "a name that is none": (
        "InvalidImageName",
        'Failed to apply default image tag "Torch:1": couldn\'t parse image name "Torch:1": invalid reference format: '
        "repository name (library/Torch) must be lowercase",
        "“Torch:1” is not the name of an image (repository name (library/Torch) must be lowercase)",
        "correct the image",
    ),
    "never to be pulled": (
        "ErrImageNeverPull",
        'Container image "x/y:1" is not present with pull policy of Never',
        "its image x/y:1 is not on the node, and it may not be pulled (pull policy Never)",
        "another pull policy",
    ),
    "a secret that is not there": (
        "CreateContainerConfigError",
        'secret "wandb" not found',
        "the secret “wandb” it uses does not exist",
        "Create it",
    ),
    "a config map that is not there": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "conf" : configmap "train-conf" not found',
        "the configmap “train-conf” it uses does not exist",
        "Create it",
    ),
    "a key that is not there": (
        "CreateContainerConfigError",
        "couldn't find key token in Secret red/wandb",
        "the Secret red/wandb has no key “token”",
        "Add the key",
    ),
    "as root": (
        "CreateContainerConfigError",
        'container has runAsNonRoot and image will run as root (pod: "sft_red(1)", container: main)',
        "its image runs as root, which is not allowed here",
        "runAsUser",
    ),
    "a command that is not there": (
        "StartError",
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: exec: "trian.py": executable file not found in $PATH: unknown',
        "its command “trian.py” is not in the image",
        "correct the command",
    ),
    "a volume used elsewhere": (
        "FailedAttachVolume",
        'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) eval-0',
        "its volume is in use on another node by eval-0",
        "ReadWriteMany",
    ),
    "a volume attached elsewhere": (
        "FailedAttachVolume",
        'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can\'t be '
        "attached to another",
        "its volume is still attached to another node",
        "detaches it",
    ),
    "a volume that does not come": (
        "FailedMount",
        "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process "
        "volumes=[]: timed out waiting for the condition",
        "its volumes are not there yet: data",
        "claims",
    ),
    "an NFS that does not answer": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "data" : mount failed: exit status 32\nMounting command: mount\n'
        "Output: mount.nfs: Connection timed out",
        "its network volume cannot be mounted: Connection timed out",
        "server and path",
    ),
    "no sandbox": (
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: plugin "
        'type="calico" failed (add): no IP addresses available',
        "the node cannot set up its network or sandbox: rpc error: code = Unknown desc = failed to setup network for "
        'sandbox: plugin type="calico" failed (add): no IP addresses available',
        "look at the node",
    ),
    "not ready yet": (
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        "it runs and does not say that it is ready: HTTP probe failed with statuscode: 503",
        "log",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_means(case):
    reason, message, said, step = CASES[case]
    found = explain(Told("somebody", reason, message))
    assert found is not None
    assert found.words == said
    assert step in found.step


def test_there_are_many_cases():
    assert len(CASES) >= 80


UNUSED = "insufficient unused quota for {} in flavor {}, 2 more needed".format
TOO_MUCH = (
    "insufficient quota for {} in flavor {}, previously considered podsets requests (0) + current podset "
    "request (9) > maximum capacity (4)"
).format
OTHERS = "flavor {} doesn't match node affinity".format
FLAVORS = {
    "GPUs before CPU": ([[UNUSED("cpu", "a"), UNUSED("nvidia.com/gpu", "a")]], "quota of GPUs in flavor a"),
    "one that waits before one that is for others": (
        [[OTHERS("a"), UNUSED("nvidia.com/gpu", "b")]],
        "quota of GPUs in flavor b",
    ),
    "too much of one thing is no wait for another": (
        [[TOO_MUCH("nvidia.com/gpu", "a"), UNUSED("cpu", "a")]],
        "more GPUs than its queue can ever have",
    ),
    "amounts before flavors that are for others": (
        [[OTHERS("a"), TOO_MUCH("nvidia.com/gpu", "b")]],
        "more GPUs than its queue can ever have",
    ),
    "GPUs by what is asked for, not by the flavor's name": (
        [[UNUSED("cpu", "gpu-a"), UNUSED("nvidia.com/gpu", "gpu-b")]],
        "quota of GPUs in flavor gpu-b",
    ),
    "a pod set that never fits before one that waits": (
        [[UNUSED("cpu", "a")], [TOO_MUCH("nvidia.com/gpu", "a")]],
        "more GPUs than its queue can ever have",
    ),
    "of pod sets that wait the first": (
        [[UNUSED("nvidia.com/gpu", "a")], [UNUSED("cpu", "b")]],
        "quota of GPUs in flavor a",
    ),
}


@pytest.mark.parametrize("case", FLAVORS)
def test_of_kueues_reasons_that_one_is_told_which_decides(case):
    pod_sets, said = FLAVORS[case]
    message = "; ".join(
        f"couldn't assign flavors to pod set set-{number}: {', '.join(sorted(reasons))}"
        for number, reasons in enumerate(pod_sets)
    )
    assert said in words("Pending", message)


GPU_LAST = UNUSED("nvidia.com/gpu", "b")
CUT = {
    "in the first words": (UNUSED("cpu", "a"), f", {GPU_LAST[:20]}", "quota of CPU in flavor a"),
    "in a flavor's name": (UNUSED("cpu", "a"), f", {GPU_LAST[:-15]}", "quota of CPU in flavor a"),
    "in an amount": (UNUSED("cpu", "a"), f", {GPU_LAST[:-12]}", "quota of CPU in flavor a"),
    "in what never fits": (OTHERS("a"), f", {TOO_MUCH('cpu', 'b')[:-2]}", "fits its node selector"),
    "in another pod set": (
        UNUSED("cpu", "a"), "; couldn't assign flavors to pod set b: insuff", "quota of CPU in flavor a",
    ),
    "in the only reason": ("", GPU_LAST[:-12], "flavor b, 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", CUT)
def test_of_a_message_that_was_cut_the_reasons_that_are_whole_count(case):
    whole, stump, said = CUT[case]
    assert said in words("Pending", f"couldn't assign flavors to pod set main: {whole}{stump}")


def test_what_comes_after_as_much_as_is_looked_at_decides_nothing():
    reasons = ", ".join(UNUSED("cpu", f"a{number}") for number in range(200))
    message = f"couldn't assign flavors to pod set main: {reasons}, {GPU_LAST}"
    cut = message[: message.index("a50,") - 1]
    assert len(cut) < LOOKED_AT < len(message)
    assert {words("Pending", one) for one in (message, cut)} == {
        "waits for quota of CPU in flavor a0: 2 more needed"
    }


UNKNOWN = (
    "queue red is full",
    "0/3 nodes are happy: 3 quota insufficient",
    "the image is beautiful, not found wanting",
    "<img src=x onerror=alert(1)>",
    "exceeded expectations: quota, requested: nothing",
    "0/x nodes are available",
    "{0} %s {queue}",
    "",
)


@pytest.mark.parametrize("message", UNKNOWN)
def test_a_message_nobody_knows_is_shown_as_it_is(message):
    assert explain(Told("somebody", "Odd", message)) is None
    assert words("Odd", message) == message


def test_braces_in_a_message_are_no_more_than_text():
    found = explain(Told("kubelet", "CreateContainerConfigError", 'secret "{0.__class__} %s" not found'))
    assert found is not None
    assert found.words == "the secret “{0.__class__} %s” it uses does not exist"


LONG = (
    "x" * 100_000,
    "0/9 nodes are available: " + "1 node(s) x, " * 10_000,
    "1" * 100_000,
    "exceeded quota: " * 8_000,
    'exec: "' * 12_000,
    " " * 100_000,
    'Error creating: admission webhook "h" denied the request: ' + "no " * 40_000,
    "quota has reached " * 6_000,
)


@pytest.mark.parametrize("message", LONG, ids=range(len(LONG)))
def test_a_message_of_100_kb_is_read_at_once_and_stays_short(message):
    assert len(words("FailedCreate", message)) <= SHORT
