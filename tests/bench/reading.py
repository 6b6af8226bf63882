"""Listing and watching pods: our way against a bare msgspec decode and against the official client.

Each way runs in a process of its own (`python -m tests.bench.reading WAY URL`), which prints its figures.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

from tests.bench.memory import peak
from tests.bench.pods import COUNT, EVENTS, cpu, serving
from tests.bench.report import Result, median

REPEATS = 3


def measure() -> list[Result]:
    """Ratios of CPU seconds; medians of REPEATS."""
    with serving() as url:
        found = {way: [_run(way, url) for _ in range(REPEATS)] for way in WAYS}
    seconds = {way: median([f["cpu"] for f in runs]) for way, runs in found.items()}
    growth = max(f["peak_mib"] - f["base_mib"] for f in found["ours-list"])
    most = max(f["peak_mib"] for f in found["ours-list"])
    per_second = {way: EVENTS / seconds[way] for way in ("ours-watch",)}
    per_second["official-watch"] = EVENTS / 10 / seconds["official-watch"]
    bare, official = (
        seconds["ours-list"] / seconds["bare"],
        seconds["official-list"] * 10 / seconds["ours-list"],
    )
    watch = per_second["ours-watch"] / per_second["official-watch"]
    ours = f"{seconds['ours-list']:.2f} CPU s"
    with_bare = f"bare msgspec decode, {seconds['bare']:.2f} CPU s"
    with_models = f"official models, {seconds['official-list'] * 10:.1f} CPU s"
    memory = f"{most:.0f} MiB, {growth:.0f} of it growth"
    events = f"{per_second['ours-watch']:,.0f}"
    with_watch = f"official Watch, {per_second['official-watch']:,.0f}"
    what = "list and decode 10,000 pods"
    return [
        Result(what, ours, with_bare, bare, "<= 2x", bare <= 2),
        Result(what, ours, with_models, official, ">= 15x less", official >= 15),
        Result(f"{what}, peak memory", memory, "", None, "<= 150 MiB", most <= 150),
        Result("watch events per CPU second", events, with_watch, watch, ">= 15x", watch >= 15),
    ]


def _run(way: str, url: str) -> dict[str, float]:
    environment = os.environ | {"RUNYARD_MODE": "test", "DJANGO_SETTINGS_MODULE": "runyard.settings"}
    command = [sys.executable, "-m", "tests.bench.reading", way, url]
    return json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def _kubeconfig(url: str) -> str:
    cluster = {"name": "c", "cluster": {"server": url}}
    user = {"name": "u", "user": {"token": "t"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    whole = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(whole, file)
    return file.name


def _source(url: str):
    import django

    django.setup()
    from runyard.clusters import objects
    from runyard.clusters.connection import Connection
    from runyard.sync.source import Source, Watched

    return Source(Connection(_kubeconfig(url)), Watched("pods", "/api/v1/pods", objects.Pod))


def _ours_list(url: str):
    source = _source(url)
    from runyard.sync.store import Store

    store = Store("pods")

    def work() -> None:
        assert sum(1 for _ in store.replace(source.list())) == COUNT

    return work


def _ours_watch(url: str):
    source = _source(url)
    from runyard.sync.store import Store

    def work() -> None:
        store = Store("pods")
        assert sum(store.apply(change) is not None for change in source.watch("1")) == EVENTS

    return work


def _bare(url: str):
    import msgspec

    from runyard.clusters import objects

    body = urllib.request.urlopen(f"{url}/api/v1/pods").read()
    page = msgspec.defstruct("PodList", [("items", list[objects.Pod])])

    def work() -> None:
        gc.disable()
        assert len(msgspec.json.decode(body, type=page).items) == COUNT
        gc.enable()

    return work


def _official(url: str):
    from kubernetes import client, config

    settings = client.Configuration()
    config.load_kube_config(config_file=_kubeconfig(url), client_configuration=settings)
    return client.CoreV1Api(client.ApiClient(settings))


def _official_list(url: str):
    """A tenth of the pods: the whole takes half a minute."""
    api = _official(url)

    def work() -> None:
        token = None
        for _ in range(COUNT // 10 // 500):
            page = api.list_pod_for_all_namespaces(limit=500, _continue=token)
            token = page.metadata._continue

    return work


def _official_watch(url: str):
    from kubernetes import watch

    api = _official(url)

    def work() -> None:
        stream = watch.Watch()
        for number, _ in enumerate(stream.stream(api.list_pod_for_all_namespaces, resource_version="1"), 1):
            if number == EVENTS // 10:
                stream.stop()
                break

    return work


WAYS = {
    "ours-list": _ours_list,
    "ours-watch": _ours_watch,
    "bare": _bare,
    "official-list": _official_list,
    "official-watch": _official_watch,
}


if __name__ == "__main__":
    job = WAYS[sys.argv[1]](sys.argv[2])
    base = peak()
    print(json.dumps({"base_mib": base, "cpu": cpu(job), "peak_mib": peak()}))
