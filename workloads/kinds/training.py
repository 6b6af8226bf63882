"""Training: a batch/v1 Job, stopped and run again through `suspend`.

Terminal conditions and `suspend` as in the Kubernetes Job documentation.
"""

from runyard.clusters.objects import Job, conditions
from workloads.kinds.kind import Facts, Kind


def facts(job: Job) -> Facts:
    """What the Job says of itself; a Job's pods run together at most `parallelism` at a time."""
    found = conditions(job.status)
    ended = next((found[t] for t in ("Failed", "Complete") if t in found and found[t].status == "True"), None)
    together = job.spec.parallelism if job.spec.parallelism is not None else 1
    wanted = job.spec.completions if job.spec.completions is not None else together
    return Facts(
        image=job.spec.template.spec.containers[0].image if job.spec.template.spec.containers else "",
        pod=job.spec.template.spec,
        pods_requested=min(together, wanted),
        retries=job.spec.backoff_limit if job.spec.backoff_limit is not None else 6,
        suspended=bool(job.spec.suspend),
        terminal={"Failed": "Failed", "Complete": "Completed"}[ended.type] if ended else "",
        terminal_reason=(ended.reason or "") if ended else "",
        terminal_message=(ended.message or "") if ended else "",
        completed_at=ended.last_transition_time if ended else None,
    )


TRAINING = Kind(
    name="training",
    title="Training",
    mark="J",
    api="batch/v1",
    resource="jobs",
    api_kind="Job",
    type=Job,
    facts=facts,
    stop={"spec": {"suspend": True}},
    run={"spec": {"suspend": False}},
)
