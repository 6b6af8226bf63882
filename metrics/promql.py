"""The queries we ask Prometheus: many metrics of many pods at once, told apart by a label of ours."""

from collections.abc import Iterable, Iterator, Sequence

from metrics.question import PodTime
from metrics.series import Metric, Name, Scope

#: The label that says which metric a series is of.
TAG = "runyard_metric"
#: Longest list of pods in one query: it goes into a URL.
MOST_LETTERS = 3_000
#: Prometheus itself may scrape only once a minute; a rate needs two scrapes.
RATE_SECONDS, MEAN_SECONDS = 150, 120
_POD = "namespace,pod,exported_namespace,exported_pod"
_GPU = f"UUID,gpu,GPU_I_PROFILE,GPU_I_ID,Hostname,node,container,exported_container,modelName,{_POD}"


def batches(pods: Sequence[PodTime]) -> Iterator[list[PodTime]]:
    """Pods that fit one query, each of one namespace."""
    batch: list[PodTime] = []
    letters = 0
    for pod in sorted(pods, key=lambda pod: (pod.namespace, pod.name)):
        if batch and (letters > MOST_LETTERS or pod.namespace != batch[0].namespace):
            yield batch
            batch, letters = [], 0
        batch.append(pod)
        letters += len(pod.name) + 1
    if batch:
        yield batch


def over_range(metrics: Iterable[Metric], pods: Sequence[PodTime], step: int, matchers: str = "") -> str:
    """`metrics` of `pods`, of one namespace, a step apart; pods under either spelling of their labels."""
    names = "|".join(sorted({_plain(pod.name) for pod in pods}))
    where = [
        f'{spelling}namespace="{_quoted(pods[0].namespace)}",{spelling}pod=~"{names}"'
        for spelling in ("", "exported_")
    ]
    return " or ".join(
        _tagged(metric, name, one, step, matchers) for metric, name in _named(metrics) for one in where
    )


def now(metric: Metric, matchers: str = "") -> str:
    """`metric` of every pod or GPU there is."""
    return " or ".join(_tagged(one, name, "", 0, matchers) for one, name in _named([metric]))


def down(names: Iterable[str], matchers: str = "") -> str:
    """Which series of `names` are zero, each with its name."""
    return " or ".join(f"{name}{{{matchers}}} == 0" for name in names)


def _named(metrics: Iterable[Metric]) -> Iterator[tuple[Metric, Name]]:
    yield from ((metric, name) for metric in metrics for name in metric.names)


def _tagged(metric: Metric, name: Name, where: str, step: int, matchers: str) -> str:
    only = 'container!="",container!="POD"' if metric.each_container else ""
    if metric.key.startswith("network"):
        only = 'interface!="lo"'
    matched = f"{name.text}{{{','.join(filter(None, (where, only, matchers)))}}}"
    factor = "" if name.factor == 1 else f" * {name.factor:.17g}"
    by = f"max by ({_GPU})" if metric.scope is Scope.GPU else f"sum by ({_POD})"
    # The name of the metric keeps its series apart from those of a later name for the same figure.
    tagged = f'label_replace({by} ({_over(matched, metric, step)}{factor}), "{TAG}", "{metric.key}", "", "")'
    return f'label_replace({tagged}, "runyard_name", "{name.text}", "", "")'


def _over(matched: str, metric: Metric, step: int) -> str:
    """Each value stands for the step before it."""
    if metric.counter:
        return f"rate({matched}[{max(step, RATE_SECONDS)}s])"
    return f"avg_over_time({matched}[{step}s])" if step >= MEAN_SECONDS else matched


def _plain(text: str) -> str:
    """Inside a regular expression inside quotes. Names of pods have nothing else that counts there."""
    return _quoted(text.replace(".", "\\."))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
