"""Training: a batch/v1 Job, stopped and run again through `suspend`.

Terminal conditions and `suspend` as in the Kubernetes Job documentation.
"""

from runyard.clusters.objects import Job, JobSpec, conditions
from workloads.kinds.kind import Architecture, Category, Facts, Kind


def facts(job: Job) -> Facts:
    """What the Job says of itself; a Job's pods run together at most `parallelism` at a time."""
    found = conditions(job.status)
    ended = next((found[t] for t in ("Failed", "Complete") if t in found and found[t].status == "True"), None)
    template, together = job.spec.template, job.spec.parallelism if job.spec.parallelism is not None else 1
    wanted = job.spec.completions if job.spec.completions is not None else together
    return Facts(
        image=template.spec.containers[0].image if template.spec.containers else "",
        template=template,
        pods_requested=min(together, wanted),
        # without `completions` one pod that ends well is enough
        runs_requested=job.spec.completions if job.spec.completions is not None else 1,
        retries=job.spec.backoff_limit if job.spec.backoff_limit is not None else 6,
        architecture=_architecture(job.spec, together),
        suspended=bool(job.spec.suspend),
        terminal={"Failed": "Failed", "Complete": "Completed"}[ended.type] if ended else "",
        terminal_reason=(ended.reason or "") if ended else "",
        terminal_message=(ended.message or "") if ended else "",
        completed_at=ended.last_transition_time if ended else None,
    )


def _architecture(spec: JobSpec, together: int) -> Architecture:
    """Pods with an index and a subdomain find one another by name: what distributed trainings are made of."""
    named = spec.completion_mode == "Indexed" and spec.template.spec.subdomain
    return Architecture.DISTRIBUTED if named and together > 1 else Architecture.STANDARD


TRAINING = Kind(
    name="training",
    title="Training",
    category=Category.TRAIN,
    mark="J",
    api="batch/v1",
    resource="jobs",
    api_kind="Job",
    type=Job,
    facts=facts,
    stop={"spec": {"suspend": True}},
    run={"spec": {"suspend": False}},
)
