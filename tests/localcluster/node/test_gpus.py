"""The machine's GPUs are found through the driver, and a driver that misbehaves does not hold up the node."""

import pynvml
import pytest

from localcluster.node import gpus
from tests.embedded import until
from tests.metrics.exporter.driver import GIB, Driver, Gpu


def test_every_gpu_is_found_with_what_it_is_called_and_has(monkeypatch):
    Driver([Gpu("GPU-0"), Gpu("GPU-1", name="NVIDIA L4", total=24 * GIB)]).install(monkeypatch)
    first, second = gpus.discover()
    assert first == gpus.Gpu("GPU-0", "NVIDIA-H100-80GB-HBM3", 80 * 1024)
    assert second == gpus.Gpu("GPU-1", "NVIDIA-L4", 24 * 1024)
    assert gpus.labels([first, second])["nvidia.com/gpu.count"] == "2"


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_DRIVER_NOT_LOADED, pynvml.NVML_ERROR_UNKNOWN])
def test_without_a_driver_there_are_none(monkeypatch, error):
    Driver([Gpu("GPU-0")], fails=error).install(monkeypatch)
    assert gpus.discover() == []


def test_a_driver_that_hangs_is_not_waited_for(monkeypatch, caplog):
    monkeypatch.setattr(gpus, "PATIENCE_SECONDS", 0.05)
    driver = Driver([Gpu("GPU-0")]).install(monkeypatch)
    driver.hangs = True
    assert gpus.discover() == []
    assert "does not answer" in caplog.text
    driver.hangs = False
    until(lambda: "nvmlShutdown" in driver.calls, 60, "the call to come back")


def test_a_lost_gpu_is_left_out(monkeypatch, caplog):
    Driver([Gpu("GPU-0", lost=True), Gpu("GPU-1")]).install(monkeypatch)
    assert [gpu.uuid for gpu in gpus.discover()] == ["GPU-1"]
    assert "GPU 0 is left out: GPU is lost" in caplog.text
