"""GPUs and drivers that misbehave: the others go on, and what is missing says why."""

import logging
import threading

import pynvml
import pytest

from metrics.exporter import serving
from tests.localcluster.running import eventually
from tests.metrics.exporter.driver import Driver, Gpu


def test_a_gpu_that_falls_off_the_bus_stops_no_other(exporter, eight, caplog):
    asked = exporter(eight)
    asked.metrics()
    eight[3].lost = True
    page = asked.metrics()
    assert page.reasons() == {f"GPU-{n}": "lost" if n == 3 else "" for n in range(8)}
    assert {labels["gpu"] for labels, _ in page.all("DCGM_FI_DEV_GPU_UTIL")} == set("01234567") - {"3"}
    (down,) = [labels for labels, value in page.all("runyard_gpu_up") if value == 0]
    assert (down["UUID"], down["modelName"]) == ("GPU-3", "NVIDIA H100 80GB HBM3")
    asked.metrics()
    assert len([one for one in caplog.records if one.levelno >= logging.WARNING]) == 1  # told once
    eight[3].lost = False
    assert set(asked.metrics().reasons().values()) == {""}


def test_a_lost_gpu_that_the_driver_no_longer_lists_stays_told(exporter, eight):
    driver = Driver(eight)
    asked = exporter(driver)
    asked.metrics()
    eight[7].lost = True
    asked.metrics()
    driver.gpus = eight[:7]
    page = asked.metrics()
    assert page.reasons()["GPU-7"] == "lost"
    assert len(page.all("DCGM_FI_DEV_GPU_UTIL")) == 7


async def test_a_call_that_hangs_is_waited_for_once_and_its_figures_are_dropped(exporter, eight):
    asked = exporter(eight, seconds=1.0)
    await eventually(lambda: set(asked.metrics().reasons().values()) == {""})
    eight[5].hangs = True
    page = await eventually(lambda: (page := asked.metrics()).reasons()["GPU-5"] == "hangs" and page)
    assert not page.all("DCGM_FI_DEV_GPU_UTIL", gpu="5")
    others = await eventually(
        lambda: len((page := asked.metrics()).all("DCGM_FI_DEV_GPU_UTIL")) == 7 and page.reasons()
    )
    assert others == {f"GPU-{n}": "hangs" if n == 5 else "" for n in range(8)}
    eight[5].hangs = False
    await eventually(lambda: set(asked.metrics().reasons().values()) == {""})


async def test_a_driver_that_hangs_while_it_starts_is_taken_up_when_it_comes_back(exporter, eight):
    driver = Driver(eight)
    driver.hangs = True
    asked = exporter(driver, seconds=0.2)
    assert asked.metrics().all("runyard_gpu_exporter_up") == [({"Hostname": "n1", "reason": "hangs"}, 0.0)]
    driver.hangs = False
    await eventually(lambda: len(asked.metrics().all("DCGM_FI_DEV_GPU_UTIL")) == 8)
    assert driver.starts == 1  # not started again and again meanwhile


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no_library"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "no_driver"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "driver_mismatch"),
        (pynvml.NVML_ERROR_UNKNOWN, "error"),
    ],
)
def test_without_a_driver_it_serves_and_says_why_until_there_is_one(exporter, eight, error, reason):
    driver = Driver(eight, fails=error)
    asked = exporter(driver)
    page = asked.metrics()
    assert page.all("runyard_gpu_exporter_up") == [({"Hostname": "n1", "reason": reason}, 0.0)]
    assert not page.all("DCGM_FI_DEV_GPU_UTIL")
    assert asked.get("/healthz")[0] == 200
    driver.fails = 0
    assert len(asked.metrics().all("DCGM_FI_DEV_GPU_UTIL")) == 8


def test_a_restarted_driver_is_started_anew(exporter, eight):
    driver = Driver(eight)
    asked = exporter(driver)
    asked.metrics()
    driver.running = False  # every call now says that NVML was never started
    page = asked.metrics()
    assert set(page.reasons().values()) == {"no_driver"}
    assert not page.all("DCGM_FI_DEV_GPU_UTIL")
    assert set(asked.metrics().reasons().values()) == {""}
    assert driver.starts == 2


def test_a_driver_that_went_away_for_long_makes_it_unhealthy(exporter, eight, monkeypatch):
    monkeypatch.setattr(serving, "SICK_SECONDS", 0.0)
    driver = Driver(eight)
    asked = exporter(driver)
    asked.metrics()
    driver.running, driver.fails = False, pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    asked.metrics()
    assert asked.get("/healthz") == (503, "the NVIDIA driver went away\n")


def test_a_start_is_tried_ever_more_rarely(exporter, eight):
    driver = Driver(eight, fails=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    asked = exporter(driver, retry_seconds=3600)
    for _ in range(5):
        asked.metrics()
    assert driver.starts == 1


def test_one_broken_function_costs_one_figure(exporter):
    driver = Driver([Gpu("GPU-0", utilisation=50)], without=("nvmlDeviceGetPowerUsage",))
    page = exporter(driver).metrics()
    assert page.one("DCGM_FI_DEV_GPU_UTIL") == 50
    assert not page.all("DCGM_FI_DEV_POWER_USAGE")


def test_however_often_it_is_asked_there_is_one_thread_for_each_gpu(exporter, eight):
    def lanes():
        return sorted(one.name for one in threading.enumerate() if one.name.startswith("gpu "))

    asked = exporter(eight)
    asked.metrics()
    before = lanes()
    for _ in range(5):
        asked.metrics()
    assert lanes() == before
