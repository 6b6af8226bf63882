"""Rows for tests, believable unless the test says otherwise."""

import itertools
import uuid

from django.utils import timezone

_count = itertools.count(1)


def make_workload(project, cluster, **fields):
    from workloads.models import Workload

    now = timezone.now()
    defaults = {
        "name": f"training-{next(_count):06}",
        "kind": "training",
        "namespace": project.namespace if project else "elsewhere",
        "uid": str(uuid.uuid4()),
        "resource_version": "1",
        "phase": "Running",
        "phase_at": now,
        "created_at": now,
        "image": "registry.example/torch:2.6",
        "gpu_millis": 1000,
        "cpu_millis": 2000,
        "memory_bytes": 8 * 2**30,
    }
    return Workload.objects.create(project=project, cluster=cluster, **{**defaults, **fields})


def make_pod(workload, **fields):
    from workloads.models import Pod

    defaults = {
        "uid": str(uuid.uuid4()),
        "owner_uid": workload.uid or "",
        "namespace": workload.namespace,
        "name": f"{workload.name}-{next(_count):05}",
        "resource_version": "1",
        "phase": "Running",
        "containers": [
            {
                "name": "main",
                "image": workload.image,
                "init": False,
                "restarts": 0,
                "state": "running",
                "previous": False,
            }
        ],
        "created_at": timezone.now(),
    }
    return Pod.objects.create(workload=workload, cluster=workload.cluster, **{**defaults, **fields})


def make_event(workload, at=None, **fields):
    """A cluster event about one of the workload's pods, of its own unless the test says of which."""
    from workloads.models import Event

    number, at = next(_count), at or timezone.now()
    defaults = {
        "uid": str(uuid.uuid4()),
        "resource_version": "1",
        "namespace": workload.namespace,
        "regarding_uid": f"pod-{number}",
        "regarding_kind": "Pod",
        "regarding_name": f"{workload.name}-0",
        "type": "Normal",
        "reason": "Started",
        "source": "kubelet",
        "first_at": at,
        "last_at": at,
    }
    return Event.objects.create(workload=workload, cluster=workload.cluster, **{**defaults, **fields})
