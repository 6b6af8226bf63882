"""What a GPU exporter says is wrong: read with its figures, kept with its time, told with what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from metrics import health, latest
from metrics.health_words import states_of
from metrics.models import Health
from metrics.scraping.scraper import Scraper
from metrics.scraping.troubles import TROUBLES, down, troubles
from metrics.series import Scope
from tests.metrics import texts
from workloads.models import Usage

AT = datetime(2026, 11, 22, 10, 2, tzinfo=UTC)


@pytest.fixture
def looked(ada_training, cluster):
    """A look at an exporter's text, `minutes` after ten past ten."""
    scraper = Scraper(cluster)

    def look(body, minutes=0):
        at = AT + timedelta(minutes=minutes)
        found = scraper.take([texts.exporter(body)], at)
        health.tell(cluster.pk, found.told, at, ["GPU exporter", *TROUBLES])
        latest.apply(cluster, found.figures, "scrape", at)
        states = states_of(cluster, ["GPU exporter", *TROUBLES], tuple(Scope), ["node-1"])
        return [state for state in states if not state.ok]

    return look


def test_an_exporter_without_a_driver_says_so_since_when_and_what_to_do(looked):
    looked(texts.ups("no_driver", gpus=("no_driver", "no_driver")))
    (state,) = looked(texts.ups("no_driver", gpus=("no_driver", "no_driver")), minutes=5)
    assert state.why == "The GPU exporter on node node-1 says: driver not loaded"
    assert state.advice.startswith("Load the kernel module nvidia")
    assert (state.since, state.scopes) == (AT, (Scope.GPU,))
    assert not Usage.objects.exists(), "nothing is known, which is not zero"


def test_gpus_that_are_lost_are_named_and_the_others_go_on(looked, ada_training):
    pod = ada_training.pods.get()
    body = texts.dcgm({0: (70, 1024, pod.name)}) + texts.ups(gpus=("", "lost", "hangs", "lost"))
    (state,) = looked(body)
    assert state.why == "The GPU exporter on node node-1 says: GPU 2: no answer; GPU 1, 3: fallen off the bus"
    assert "restart the node if it stays so. Look for its XID" in state.advice
    assert Usage.objects.get().gpu_compute is not None


def test_gpus_are_told_in_the_order_of_their_numbers(looked):
    (state,) = looked(texts.ups(gpus=["", "", "lost", *[""] * 7, "lost"]))
    assert state.why.endswith("GPU 2, 10: fallen off the bus")


def test_who_holds_the_gpus_may_not_be_known(looked):
    (state,) = looked(texts.ups(pods="unreachable"))
    assert state.why.endswith("says: not known which pods have its GPUs: the kubelet does not say")
    assert "docs/exporter.md" in state.advice


def test_what_is_well_again_is_not_told_of_any_more(looked):
    assert looked(texts.ups("hangs"))
    assert looked(texts.ups(gpus=("",)), minutes=1) == []
    assert looked(texts.dcgm({0: (70, 1024, "")}), minutes=2) == [], "DCGM's exporter says nothing of itself"
    assert set(Health.objects.values_list("source", flat=True)) == {"GPU exporter"}


@pytest.mark.parametrize("reason", ["", "a, b c", "<b>", "Ünknown"])
def test_a_reason_that_nobody_knows_is_an_error(looked, reason):
    body = f'runyard_gpu_exporter_up{{Hostname="node-1",reason="{reason}"}} 0\n'.encode()
    assert troubles(down(body)) == {"GPU driver": "error"}
    (state,) = looked(body)
    assert state.why == "The GPU exporter on node node-1 says: an error"
