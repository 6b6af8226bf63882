"""A running exporter over a scripted driver, asked over HTTP."""

import threading
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from metrics.exporter import fleet, pods
from metrics.exporter.fleet import Fleet
from metrics.exporter.pods import Attribution, Nobody
from metrics.exporter.serving import Exporter
from tests.metrics.exporter.driver import Driver, Gpu


class Page:
    """One answer of /metrics."""

    def __init__(self, text):
        self.text = text
        self.samples = [one for family in parsed(text) for one in family.samples]
        keys = [(one.name, tuple(sorted(one.labels.items()))) for one in self.samples]
        assert len(keys) == len(set(keys)), "the same series twice"

    def all(self, name, **labels):
        """(labels, value) of the samples of that name whose labels hold these."""
        return [
            (one.labels, one.value)
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        ]

    def one(self, name, **labels):
        found = self.all(name, **labels)
        assert len(found) == 1, found
        return found[0][1]

    def reasons(self):
        """Why GPUs are down by their UUID, "" for those that are up."""
        return {labels["UUID"]: labels["reason"] for labels, _ in self.all("runyard_gpu_up")}


class Asked:
    """The exporter from outside; looks are not kept between two questions."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.url = f"http://127.0.0.1:{exporter.server_address[1]}"

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200, text
        return Page(text)


@pytest.fixture
def exporter(monkeypatch):
    """start(gpus or driver, source) gives an Asked; `seconds` bounds a look."""
    monkeypatch.setattr(fleet, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(pods, "FRESH_SECONDS", -1.0)
    running = []

    def start(driver, source=None, seconds=20.0, retry_seconds=0.0):
        driver = driver if isinstance(driver, Driver) else Driver(driver)
        driver.install(monkeypatch)
        made = Exporter(
            ("127.0.0.1", 0), Fleet(seconds, retry_seconds), Attribution(source or Nobody()), "n1"
        )
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        running.append((made, driver))
        return Asked(made)

    yield start
    for made, driver in running:
        driver.hangs = False
        for gpu in driver.gpus:
            gpu.hangs = False
        made.shutdown()
        made.server_close()


@pytest.fixture
def eight():
    return [Gpu(f"GPU-{n}", utilisation=10 * n, used=n * 2**30) for n in range(8)]
