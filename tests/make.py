"""Rows for tests, believable unless the test says otherwise."""

import itertools
import uuid

from django.utils import timezone

_count = itertools.count(1)


def make_workload(project, cluster, **fields):
    from workloads.models import Workload

    now = timezone.now()
    defaults = {
        "name": f"training-{next(_count)}",
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
