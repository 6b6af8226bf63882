"""Believable workloads for demonstrations and benchmarks: people, teams, a month of history, every phase.

Rows are made deterministically from a seed and written by COPY, so that 100,000 take seconds. They live on
a cluster of their own without a kubeconfig, which nobody follows. It has about 1,000 nodes at most, so that
of many workloads most have ended.
"""

import json
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from runyard.clusters.models import Cluster, Node
from runyard.tenancy.models import AccessRule, Department, Project, User
from runyard.tenancy.roles import Role
from workloads.models import Usage, Workload
from workloads.queueing.guarantees import ON_NODES
from workloads.status import Phase, Reason

CLUSTER = "demo"
TEAMS = {
    "research": ("nlp-research", "vision", "speech", "bio"),
    "products": ("search", "ads", "creative", "serving", "risk"),
}
PEOPLE = (
    "Ada Lovell", "Bo Tran", "Cy Okafor", "Ines Fabre", "Mara Lindt", "Jun Sato", "Kai Berg", "Lena Roth",
    "Noor Haddad", "Omar Diaz", "Priya Nair", "Rosa Weiss", "Sven Holm", "Tara Quinn", "Uma Costa",
    "Wei Zhang",
)  # fmt: skip
STEMS = (
    "llama-70b-sft", "retriever-eval", "sdxl-finetune", "tokenizer-sweep", "protein-fold", "whisper-distil",
    "vlm-pretrain", "eval-harness", "embed-backfill", "rerank-train", "diffusion-ablate", "graph-embed",
    "fraud-gbdt", "asr-adapt", "ctr-wide-deep", "reward-model", "dpo-mix", "moe-router", "ocr-synth",
    "tts-voices",
)  # fmt: skip
IMAGES = ("registry.example/torch:2.6-cu12", "registry.example/jax:0.5", "registry.example/train:2026.11")
GPUS = (0, 1, 1, 1, 2, 4, 8, 8, 16, 32, 64)
#: Share in a thousand of each phase, with the reasons and words that go with it.
MIX: tuple[tuple[int, Phase, Reason, str], ...] = (
    (240, Phase.RUNNING, Reason.NONE, ""),
    (12, Phase.PENDING, Reason.UNSCHEDULABLE, "not enough free GPUs on any node"),
    (6, Phase.PENDING, Reason.GATED, ""),
    (4, Phase.INITIALIZING, Reason.CONTAINER_CREATING, ""),
    (2, Phase.INITIALIZING, Reason.IMAGE, "pull access denied, repository does not exist"),
    (2, Phase.CREATING, Reason.NO_PODS, ""),
    (2, Phase.RESUMING, Reason.NO_PODS, ""),
    (8, Phase.DEGRADED, Reason.CRASH_LOOP, "exit code 1"),
    (2, Phase.STOPPING, Reason.NONE, "waiting for 2 pods to end"),
    (60, Phase.STOPPED, Reason.SUSPENDED, ""),
    (2, Phase.DELETING, Reason.FINALIZERS, "example.com/backup"),
    (60, Phase.FAILED, Reason.EXIT_CODE, "exit code 1"),
    (20, Phase.FAILED, Reason.OUT_OF_MEMORY, "exit code 137, out of memory"),
    (10, Phase.FAILED, Reason.DEADLINE, "ran longer than allowed"),
    (570, Phase.COMPLETED, Reason.NONE, ""),
)
_LIVE = frozenset({Phase.RUNNING, Phase.DEGRADED, Phase.STOPPING})
_UNPLACED = frozenset({Phase.PENDING, Phase.CREATING, Phase.RESUMING})
_ENDED = frozenset({Phase.STOPPED, Phase.FAILED, Phase.COMPLETED})
MOST_GOING = 600  # workloads that have not ended: what 1,000 nodes hold
GPUS_PER_NODE, FEWEST_NODES = 8, 32  # of one pool


@dataclass
class Cast:
    """Who and where, by primary key."""

    cluster: Cluster
    projects: list[Project]
    people: list[User]


def fill(count: int, seed: int = 7) -> Cluster:
    """Replace what the demo cluster holds by `count` workloads with two pods each on average."""
    with transaction.atomic():
        cast = _cast()
        _clear(cast.cluster)
        dice = random.Random(seed)
        pools = {name: Pool(name, dice) for name in POOLS}
        ids = _copy(Workload._meta.db_table, _workloads(cast, pools, count, dice))
        _pods(cast.cluster, seed)
        _nodes(cast.cluster, pools.values())
        _usages(cast.cluster, dice)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workloads_workload, workloads_pod, workloads_usage")
    assert ids == count
    return cast.cluster


def _cast() -> Cast:
    cluster, _ = Cluster.objects.get_or_create(name=CLUSTER, defaults={"kubeconfig": ""})
    projects, people = [], []
    for department_name, names in TEAMS.items():
        department, _ = Department.objects.get_or_create(name=department_name)
        for name in names:
            defaults = {"department": department, "namespace": name}
            projects.append(Project.objects.get_or_create(name=name, defaults=defaults)[0])
    for number, full_name in enumerate(PEOPLE):
        first, last = full_name.split()
        fields = {"first_name": first, "last_name": last, "password": make_password(None)}
        person, _ = User.objects.get_or_create(username=f"{first}.{last}".lower(), defaults=fields)
        project = projects[number % len(projects)]
        AccessRule.objects.get_or_create(user=person, role=Role.PRACTITIONER, project=project)
        people.append(person)
    return Cast(cluster, projects, people)


def _clear(cluster: Cluster) -> None:
    with connection.cursor() as cursor:
        for table in ("searchtext", "usage", "event", "phasechange", "specchange", "action"):
            cursor.execute(
                f"DELETE FROM workloads_{table} WHERE workload_id IN "  # noqa: S608 - our own table names
                "(SELECT id FROM workloads_workload WHERE cluster_id = %s)",
                [cluster.pk],
            )
        cursor.execute("DELETE FROM workloads_pod WHERE cluster_id = %s", [cluster.pk])
        cursor.execute("DELETE FROM workloads_workload WHERE cluster_id = %s", [cluster.pk])
    Node.objects.filter(cluster=cluster).delete()


class Pool:
    """Nodes of one kind, and what is free on them; there are as many as the running workloads need."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.name, self._dice = name, dice
        self._free = [GPUS_PER_NODE] * FEWEST_NODES

    def place(self, pods: int, gpus: int, live: bool) -> list[str]:
        """The nodes of `pods` pods of `gpus` GPUs each, which only those that are `live` take from others."""
        numbers = [self._take(gpus) if live and gpus else self._any() for _ in range(pods)]
        return sorted({self._node_name(number) for number in numbers})

    def node_names(self) -> list[str]:
        """Of all its nodes, a tenth of which are idle."""
        return [self._node_name(number) for number in range(len(self._free) * 10 // 9)]

    def _take(self, gpus: int) -> int:
        number = next((number for number, free in enumerate(self._free) if free >= gpus), len(self._free))
        if number == len(self._free):
            self._free.append(GPUS_PER_NODE)
        self._free[number] -= gpus
        return number

    def _any(self) -> int:
        return self._dice.randrange(len(self._free))

    def _node_name(self, number: int) -> str:
        return f"{self.name}-{number:03}"


def _nodes(cluster: Cluster, pools: Iterable[Pool]) -> None:
    names = [(pool.name, name) for pool in pools for name in pool.node_names()]
    Node.objects.bulk_create(
        Node(
            cluster=cluster, uid=str(uuid.UUID(int=number)), name=name, resource_version="1", ready=True,
            cpu_millis=96_000, memory_bytes=768 * 2**30, gpus=GPUS_PER_NODE, pool=pool,
            gpu_product=POOLS[pool],
        )
        for number, (pool, name) in enumerate(names)
    )  # fmt: skip


def _usages(cluster: Cluster, dice: random.Random) -> None:
    """What the running ones use now: most are busy, and some hold GPUs that have been idle for hours."""
    rows = Workload.objects.filter(cluster=cluster, phase=Phase.RUNNING).order_by("pk")
    now = timezone.now()
    Usage.objects.bulk_create(_usage(row, now, dice) for row in rows.iterator())


def _usage(row: Workload, now: datetime, dice: random.Random) -> Usage:
    gpus = row.gpu_millis_allocated // 1000 or None
    idle = bool(gpus) and dice.random() < IDLE
    total = gpus and gpus * GPU_MEMORY[row.node_pools[0]] * 2**30
    return Usage(
        workload=row,
        gpu_compute=gpus and (dice.uniform(0, 2) if idle else dice.triangular(30, 99, 94)),
        gpu_memory_bytes=total and int(total * (0.04 if idle else dice.uniform(0.3, 0.96))),
        gpu_memory_total_bytes=total,
        gpus_seen=gpus,
        gpus_idle=gpus and gpus * idle,
        idle_gpu_seconds=gpus * dice.randrange(3_600, 36_000) if gpus and idle else 0,
        cpu_millis=int(row.cpu_millis * (0.01 if idle else dice.uniform(0.2, 0.9))),
        memory_bytes=int(row.memory_bytes * dice.uniform(0.2, 0.8)),
        source="the demonstration",
        at=now,
    )


APPLICATIONS = ("", "", "", "", "rag-platform", "vision-suite", "ads-ranking")
PRIORITIES = ("", "", "train", "train", "train-high", "build")
STAGES = ("dev", "dev", "staging", "prod")
POOLS = {"h100": "NVIDIA-H100-80GB", "a100": "NVIDIA-A100-40GB", "l4": "NVIDIA-L4"}
GPU_MEMORY = {"h100": 80, "a100": 40, "l4": 24}  # GiB
GUARANTEED = timedelta(days=2)
IDLE = 0.08  # of the running ones with GPUs
SOURCES = ("nas-1:/exports/models (NFS)", "/mnt/scratch (host folder)", "s3://corpora/web (S3)")
FAILURES = {Reason.EXIT_CODE: 1, Reason.OUT_OF_MEMORY: 137, Reason.CRASH_LOOP: 1}


@dataclass
class Life:
    """When things happened to one workload."""

    created: datetime
    started: datetime
    ended: datetime


def _shares(count: int) -> list[float]:
    """How often each of `MIX` comes among `count` workloads, of which at most MOST_GOING have not ended."""
    going = sum(share for share, phase, *_ in MIX if phase not in _ENDED)
    kept = min(going, MOST_GOING * 1000 / count)
    fewer, more = kept / going, (1000 - kept) / (1000 - going)
    return [share * (more if phase in _ENDED else fewer) for share, phase, *_ in MIX]


def _life(now: datetime, over: bool, dice: random.Random) -> Life:
    """Of a month; what has not ended is rather of its last days."""
    created = now - timedelta(days=30) * dice.random() ** (1 if over else 2)
    started = min(now, created + timedelta(seconds=dice.expovariate(1 / 120)))
    ran = timedelta(seconds=dice.expovariate(1 / 14_400))
    return Life(created, started, started + min(ran, (now - started) * dice.random()))


def _workloads(
    cast: Cast, pools: dict[str, Pool], count: int, dice: random.Random
) -> Iterator[dict[str, Any]]:
    now = timezone.now().replace(microsecond=0)
    shares = _shares(count)
    for number in range(count):
        # Each comes at least once, where there are enough.
        _, phase, reason, message = MIX[number] if number < len(MIX) else dice.choices(MIX, shares)[0]
        life = _life(now, phase in _ENDED, dice)
        name, project = f"{dice.choice(STEMS)}-{number:06}", dice.choice(cast.projects)
        row = {
            "key": uuid.UUID(int=dice.getrandbits(128)),
            "cluster_id": cast.cluster.pk,
            "project_id": project.pk,
            "kind": "training",
            "namespace": project.namespace,
            "name": name,
            "uid": str(uuid.UUID(int=dice.getrandbits(128))),
            "resource_version": str(number + 1),
            "version": 1,
            "reason": reason.value,
            "message": message,
            "created_by_id": dice.choice(cast.people).pk,
            "submitted_through": dice.choices(("form", "api", "cli", "cluster"), (5, 3, 3, 2))[0],
            "spec": "{}",
            "manifest": "{}",
            "image": dice.choice(IMAGES),
            "retries": 0,
            "restarts": int(phase == Phase.DEGRADED) * dice.randrange(1, 9),
            "exit_code": FAILURES.get(reason),
            **_state(phase, reason, message, life),
            **_amounts(phase, reason, pools, dice),
            **_belongings(name, project, dice),
        }
        yield row | _queued(row, project, life.started)


def _queued(row: dict[str, Any], project: Project, started: datetime) -> dict[str, Any]:
    """Its project's queue, where it names a priority, and until when that lets it be."""
    taken = row["preemptible"] == "yes" and row["phase"] in ON_NODES
    return {
        "queueing": json.dumps({"queue": project.name} if row["priority"] else {}),
        "guaranteed_until": started + GUARANTEED if taken else None,
    }


def _state(phase: Phase, reason: Reason, message: str, life: Life) -> dict[str, Any]:
    over, stopped = phase in (Phase.COMPLETED, Phase.FAILED), phase in (Phase.STOPPED, Phase.STOPPING)
    placed, waits = phase not in _UNPLACED, phase == Phase.PENDING
    phase_at = life.ended if over or stopped else life.created if waits else life.started
    return {
        "phase": phase.value,
        "phase_at": phase_at,
        "changed_at": phase_at,
        "desired": "Deleted" if phase == Phase.DELETING else "Stopped" if stopped else "Running",
        "suspended": phase == Phase.STOPPED,
        "was_running": phase in _LIVE,
        "terminal": phase.value if over else "",
        "terminal_reason": reason.value if over else "",
        "terminal_message": message if over else "",
        "finalizers": [message] if phase == Phase.DELETING else [],
        "created_at": life.created,
        "started_at": life.started if placed else None,
        "completed_at": life.ended if over else None,
        "time_pending": life.started - life.created if placed else timedelta(),
        "time_running": life.ended - life.started if over or stopped else timedelta(),
    }


def _amounts(phase: Phase, reason: Reason, pools: dict[str, Pool], dice: random.Random) -> dict[str, Any]:
    """What all pods ask for, what they hold, and where."""
    gpus, pods = dice.choice(GPUS) or int(reason == Reason.UNSCHEDULABLE), 1
    if gpus > 8:
        gpus, pods = 8, gpus // 8
    pool, placed, live = dice.choice(list(pools.values())), phase not in _UNPLACED, phase in _LIVE
    nodes = pool.place(pods, gpus, live) if placed else []
    shared = placed and gpus == 1 and dice.random() < 0.1  # asks for a part of a GPU, by its memory
    asked = {
        "gpu_millis": 0 if shared else gpus * pods * 1000,
        "gpu_memory_bytes": 10 * 2**30 if shared else 0,
        "cpu_millis": 4000 * pods * max(1, gpus),
        "memory_bytes": 2**34 * pods * max(1, gpus),
    }
    return {
        **asked,
        **{f"{name}_allocated": amount * live for name, amount in asked.items()},
        "pods_requested": pods,
        "pods_running": pods * live,
        "runs_requested": pods,
        "generation": 0,
        "architecture": "Distributed" if pods > 1 else "Standard",
        "nodes": nodes,
        "node_pools": [pool.name] if nodes else [],
    }


def _belongings(name: str, project: Project, dice: random.Random) -> dict[str, Any]:
    application, priority = dice.choice(APPLICATIONS), dice.choice(PRIORITIES)
    part_of = [f"app.kubernetes.io/part-of={application}"] if application else []
    return {
        "application": application,
        "priority": priority,
        "preemptible": {"": "", "build": "no"}.get(priority, "yes"),
        "owner_chain": f"CronJob {name[:-7]} > Job {name}" if dice.random() < 0.1 else "",
        "data_sources": [f"{project.name}-data (PVC)", *dice.sample(SOURCES, dice.choice((0, 0, 1, 2)))],
        "labels": [f"stage={dice.choice(STAGES)}", f"team={project.name}", *part_of],
    }


def _copy(table: str, rows: Iterator[dict[str, Any]]) -> int:
    """COPY `rows`, all of the same columns and at least one, into `table`; how many there were."""
    first = next(rows)
    count = 0
    with connection.cursor() as cursor:
        statement = f"COPY {table} ({', '.join(first)}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in chain([first], rows):
                copy.write_row(tuple(row.values()))
                count += 1
    return count


def _pods(cluster: Cluster, seed: int) -> None:
    """One pod for each that a workload asks for, at most four, made in the server from the workloads."""
    with connection.cursor() as cursor:
        cursor.execute(_PODS, [seed, cluster.pk, [p.value for p in _UNPLACED]])


_PODS = """
INSERT INTO workloads_pod (cluster_id, workload_id, uid, owner_uid, namespace, name, resource_version, node,
    phase, ready, scheduled, reason, message, exit_code, restarts, containers, gpu_millis, gpu_memory_bytes,
    cpu_millis, memory_bytes, created_at, started_at, finished_at)
SELECT w.cluster_id, w.id, md5(w.uid || n || %s), w.uid, w.namespace, w.name || '-' || n, '1',
    coalesce(w.nodes[1 + n %% greatest(cardinality(w.nodes), 1)], ''),
    CASE w.phase WHEN 'Completed' THEN 'Succeeded' WHEN 'Failed' THEN 'Failed' WHEN 'Running' THEN 'Running'
                 WHEN 'Degraded' THEN 'Running' ELSE 'Pending' END,
    w.phase = 'Running', cardinality(w.nodes) > 0, w.reason, w.message,
    CASE WHEN w.phase = 'Failed' THEN 1 END, w.restarts,
    jsonb_build_array(jsonb_build_object('name', 'main', 'image', w.image, 'init', false, 'restarts', 0,
        'state', 'terminated', 'previous', false)),
    w.gpu_millis / w.pods_requested, w.gpu_memory_bytes / w.pods_requested, w.cpu_millis / w.pods_requested,
    w.memory_bytes / w.pods_requested, w.created_at, w.started_at, w.completed_at
FROM workloads_workload w, generate_series(0, least(w.pods_requested, 4) + w.id %% 2) n
WHERE w.cluster_id = %s AND NOT w.phase = ANY(%s)
"""
