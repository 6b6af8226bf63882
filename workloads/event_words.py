"""Plain sentences for the reasons of cluster events, where they are known; the raw words stay beside them.

Pure. A reason that is not here is shown as it is, never guessed at.
"""

SENTENCES: dict[str, str] = {
    # scheduling
    "Scheduled": "A node was found for the pod.",
    "FailedScheduling": "No node can take the pod now.",
    "NotTriggerScaleUp": "Adding a node would not help this pod.",
    "TriggeredScaleUp": "A new node was asked for.",
    "Preempted": "It made way for another one.",
    "Evicted": "The pod was removed from its node.",
    "TaintManagerEviction": "The pod is removed from its node because of a taint.",
    "NodeNotReady": "The node of the pod does not answer.",
    "Unschedulable": "It cannot be given a node now.",
    "NotReady": "Not all pods that have to start together are there.",
    # images
    "Pulling": "The image is being pulled.",
    "Pulled": "The image is on the node.",
    "Failed": "A step of starting the container failed.",
    "ErrImagePull": "The image could not be pulled.",
    "ImagePullBackOff": "The image could not be pulled; it is tried again later.",
    "InspectFailed": "The image's name cannot be read.",
    "ErrImageNeverPull": "The image is not on the node, and pulling it is forbidden.",
    # containers
    "Created": "The container was made.",
    "Started": "It was started.",
    "Killing": "The container is being ended.",
    "BackOff": "It failed before; the next try waits.",
    "Unhealthy": "A check of the container's health failed.",
    "ProbeWarning": "A check of the container's health answered oddly.",
    "OOMKilling": "The node ran out of memory and ended a process.",
    "ExceededGracePeriod": "The container did not end in time and was killed.",
    "FailedPostStartHook": "What is to run after the start failed.",
    "FailedPreStopHook": "What is to run before the end failed.",
    "SandboxChanged": "The pod's surroundings are made anew.",
    "FailedCreatePodSandBox": "The pod's surroundings could not be made.",
    "FailedKillPod": "The pod could not be ended.",
    "DeadlineExceeded": "It ran longer than it may.",
    # volumes
    "FailedMount": "A volume could not be mounted.",
    "FailedAttachVolume": "A volume could not be attached to the node.",
    "SuccessfulAttachVolume": "A volume was attached to the node.",
    "FailedBinding": "No volume was found for a claim.",
    "ProvisioningFailed": "A volume could not be made.",
    # jobs
    "SuccessfulCreate": "A pod was made.",
    "FailedCreate": "A pod could not be made.",
    "SuccessfulDelete": "A pod was deleted.",
    "Completed": "The job ended well.",
    "BackoffLimitExceeded": "It failed more often than it is tried again.",
    "Suspended": "The job was suspended.",
    "Resumed": "The job goes on.",
    "TooManyActivePods": "More pods run than were asked for.",
    # queues
    "Admitted": "The queue let it in.",
    "QuotaReserved": "Its share of the quota is set aside.",
    "Inadmissible": "The queue cannot let it in.",
    "EvictedDueToPreempted": "It made way for another one in the queue.",
    "EvictedDueToPodsReadyTimeout": "Its pods were not ready in time; it goes back into the queue.",
    "EvictedDueToAdmissionCheck": "A check took its admission back.",
    "EvictedDueToClusterQueueStopped": "Its queue was stopped.",
    "EvictedDueToLocalQueueStopped": "Its queue was stopped.",
    "EvictedDueToNodeFailures": "Its nodes failed; it goes back into the queue.",
    "EvictedDueToDeactivated": "It was switched off in its queue.",
    "EvictedDueToDeactivatedDueToRequeuingLimitExceeded": "It was switched off in its queue.",
    "EvictedDueToDeactivatedDueToMaximumExecutionTimeExceeded": "It was switched off in its queue.",
    "EvictedDueToDeactivatedDueToAdmissionCheck": "It was switched off in its queue.",
    "MaximumExecutionTimeExceeded": "It ran longer than it was given in its queue.",
    "AdmissionCheckRejected": "A check of its queue refused it.",
    "UpdatedAdmissionCheck": "A check of its queue has news.",
    "CreatedWorkload": "Its queue knows of it now.",
    "Stopped": "Its queue stopped it.",
    "WaitingForQuota": "Its queue has not enough quota left now.",
    "WaitingForPreemptedWorkloads": "Others are ending to make room for it.",
    "NoMatchingFlavor": "No kind of nodes of its queue fits what it asks for.",
    "ExceedsMaxQuota": "It asks for more than its queue can ever have.",
    "TopologyPlacementFailed": "Its pods do not fit close enough together.",
    "QuotaNotReserved": "Its queue has not let it in yet.",
    "PodsReady": "Its queue counts all of its pods as ready.",
    "PodsNotReady": "Its queue counts its pods as not ready.",
    "Requeued": "It is back in the queue.",
    "Finished": "Its queue counts it as ended.",
    "NonPreemptibleOverQuota": "It may not be preempted, and would go over its queue's quota.",
    "OverLimit": "Its queue is at its limit.",
    "QueueDoesNotExist": "Its queue does not exist on the cluster.",
    "PreemptionDelayNotElapsed": "It may not take the place of others yet.",
    "FilteringFailed": "No node has GPUs free as they are asked for.",
    "Bound": "The pod was given its node.",
    "Pipelined": "The pod gets its node when others have left it.",
    "BindingError": "The pod could not be given its node.",
    "Evict": "It made way for another one.",
    "Pending": "It waits in its queue.",
    "BindingFailed": "The GPUs that were found could not be given to the pod.",
}


def sentence(reason: str) -> str:
    """What `reason` says in plain words; empty for one that is not known."""
    return SENTENCES.get(reason, "")


def reasons_with(word: str) -> list[str]:
    """The reasons whose sentence holds `word`, lower-cased: people search for what they read."""
    return [reason for reason, words in SENTENCES.items() if word in words.lower()]
