"""What the exporter tells of GPUs that are well: DCGM's names, labels and units."""

import os
import time

import pynvml
import pytest

from tests.metrics.exporter.driver import GIB, Driver, Gpu, Slice

LABELS = {
    "gpu": "3",
    "UUID": "GPU-3",
    "pci_bus_id": "00000000:04:00.0",
    "device": "nvidia3",
    "modelName": "NVIDIA H100 80GB HBM3",
    "Hostname": "n1",
}


def test_eight_gpus_with_dcgms_names_labels_and_units(exporter, eight):
    page = exporter(eight).metrics()
    assert [value for _, value in page.all("DCGM_FI_DEV_GPU_UTIL")] == [0, 10, 20, 30, 40, 50, 60, 70]
    assert page.all("DCGM_FI_DEV_GPU_UTIL", gpu="3") == [(LABELS, 30.0)]
    assert page.one("DCGM_FI_DEV_FB_USED", gpu="3") == 3 * 1024
    assert page.one("DCGM_FI_DEV_FB_RESERVED", gpu="3") == 1024
    assert page.one("DCGM_FI_DEV_FB_FREE", gpu="3") == 76 * 1024
    assert page.one("DCGM_FI_DEV_POWER_USAGE", gpu="3") == 70
    assert page.one("DCGM_FI_DEV_GPU_TEMP", gpu="3") == 35
    assert page.one("runyard_gpu_exporter_up") == 1
    assert set(page.reasons().values()) == {""}
    assert "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter" in page.text


def test_what_a_gpu_does_not_have_is_left_out_rather_than_zero(exporter):
    page = exporter([Gpu("GPU-0")]).metrics()
    for absent in ("ENC_UTIL", "MEMORY_TEMP", "SM_CLOCK", "PCIE_REPLAY_COUNTER"):
        assert not page.all(f"DCGM_FI_DEV_{absent}")
    assert not page.all("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE")


def test_a_driver_of_old_tells_used_memory_with_what_it_reserved(exporter):
    driver = Driver([Gpu("GPU-0", used=2 * GIB)], without=("nvmlDeviceGetMemoryInfo_v2",))
    page = exporter(driver).metrics()
    assert page.one("DCGM_FI_DEV_FB_USED") == 3 * 1024
    assert not page.all("DCGM_FI_DEV_FB_RESERVED")


def test_profile_figures_are_means_between_two_looks(exporter):
    gpm = {pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL: 40.0, pynvml.NVML_GPM_METRIC_PCIE_TX_PER_SEC: 2.0}
    asked = exporter([Gpu("GPU-0", gpm=gpm)])
    assert not asked.metrics().all("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE")  # one look is none between two
    for _ in range(3):
        page = asked.metrics()
        assert page.one("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE") == pytest.approx(0.4)
        assert page.one("DCGM_FI_PROF_PCIE_TX_BYTES") == 2 * 2**20
    assert not page.all("DCGM_FI_PROF_SM_ACTIVE")  # what the driver refuses is left out


def test_nvlink_of_gpus_without_gpm_is_a_rate(exporter):
    gpu = Gpu("GPU-0", nvlink_kib=(1000, 500))
    asked = exporter([gpu])
    assert not asked.metrics().all("DCGM_FI_PROF_NVLINK_TX_BYTES")
    gpu.nvlink_kib = (2000, 500)
    page = asked.metrics()
    assert page.one("DCGM_FI_PROF_NVLINK_TX_BYTES") > 0
    assert page.one("DCGM_FI_PROF_NVLINK_RX_BYTES") == 0
    gpu.nvlink_kib = (10, 10)  # counted anew, as after a reset: no rate rather than a negative one
    assert not asked.metrics().all("DCGM_FI_PROF_NVLINK_TX_BYTES")


def test_slices_have_their_own_memory_and_activity_beside_the_gpus(exporter):
    busy = {pynvml.NVML_GPM_METRIC_GRAPHICS_UTIL: 50.0}
    slices = [
        Slice("MIG-a", 1, "3g.40gb", 40 * GIB, used=10 * GIB, gpm=busy),
        Slice("MIG-b", 2, "1g.10gb", 10 * GIB),
        Slice("MIG-c", 2, "1c.1g.10gb", 10 * GIB, compute=1),
    ]
    asked = exporter([Gpu("GPU-0", gpm={}, slices=slices)])
    asked.metrics()
    page = asked.metrics()
    assert page.one("DCGM_FI_DEV_FB_USED", GPU_I_PROFILE="3g.40gb", GPU_I_ID="1", UUID="GPU-0") == 10 * 1024
    assert page.one("DCGM_FI_PROF_GR_ENGINE_ACTIVE", GPU_I_ID="1") == 0.5
    assert {labels.get("GPU_I_ID") for labels, _ in page.all("DCGM_FI_DEV_FB_USED")} == {
        None,
        "1",
        "2",
        "2/1",
    }
    assert not page.all("DCGM_FI_DEV_GPU_UTIL")  # the driver has none for a GPU in slices
    assert page.one("DCGM_FI_DEV_POWER_USAGE") == 70


def test_what_the_driver_lent_is_given_back(exporter):
    """Samples of slices that are no more, and of a GPU that failed: an exporter runs for months."""
    gpu = Gpu("GPU-0", gpm={}, slices=[Slice("MIG-a", 1, "3g.40gb", 40 * GIB)])
    driver = Driver([gpu])
    asked = exporter(driver, retry_seconds=3600)
    for _ in range(3):
        asked.metrics()
    assert len(driver.samples) == 4  # two of each
    gpu.slices = []
    asked.metrics()
    gpu.slices = [Slice("MIG-b", 2, "1g.10gb", 10 * GIB)]
    for _ in range(3):
        asked.metrics()
    assert len(driver.samples) == 4
    for _ in range(3):
        gpu.broken = pynvml.NVML_ERROR_RESET_REQUIRED
        asked.metrics()
        gpu.broken = 0
        asked.metrics()
    assert len(driver.samples) == 2  # the first of each


def test_the_last_xid_is_told(exporter):
    gpu = Gpu("GPU-0")
    asked = exporter([gpu])
    assert asked.metrics().one("DCGM_FI_DEV_XID_ERRORS") == 0
    gpu.xids += [48, 79]
    assert asked.metrics().one("DCGM_FI_DEV_XID_ERRORS") == 79
    assert asked.metrics().one("DCGM_FI_DEV_XID_ERRORS") == 79


def test_processes_hold_memory_and_their_use_is_the_mean_since_the_last_look(exporter):
    gpu = Gpu("GPU-0", processes={os.getpid(): 5 * GIB, 999_999_999: GIB})
    asked = exporter([gpu])
    asked.metrics()
    now = time.time_ns() // 1000
    gpu.samples = [(os.getpid(), now + 1, 20), (os.getpid(), now + 2, 40), (777, now + 3, 99)]
    page = asked.metrics()
    mine = str(os.getpid())
    assert page.one("runyard_gpu_process_memory_bytes", pid=mine) == 5 * GIB
    assert page.one("runyard_gpu_process_sm_utilization", pid=mine) == 30
    assert page.one("runyard_gpu_process_sm_utilization", pid="999999999") == 0
    assert not page.all("runyard_gpu_process_memory_bytes", pid="777")  # it had died by then
    del gpu.processes[999_999_999]
    assert len(asked.metrics().all("runyard_gpu_process_memory_bytes")) == 1


def test_many_scrapes_at_once_share_one_look(exporter, eight, monkeypatch):
    from metrics.exporter import fleet

    driver = Driver(eight)
    asked = exporter(driver)
    monkeypatch.setattr(fleet, "FRESH_SECONDS", 3600.0)
    for _ in range(5):
        asked.metrics()
    assert driver.calls.count("nvmlDeviceGetPowerUsage") == 8


def test_other_paths_say_what_there_is(exporter, eight):
    asked = exporter(eight)
    assert asked.get("/") == (404, "there are /metrics and /healthz\n")
    assert asked.get("/healthz") == (200, "ok\n")
