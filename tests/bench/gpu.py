"""The exporter beside nvidia-smi on a machine with an NVIDIA GPU, idle and under load: `make bench ARGS=gpu`.

The load is made by the driver's own library alone: memory held, and written over and over. Without a GPU it
says that there is nothing to measure.
"""

import ctypes
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families as parsed

from tests.bench.report import Result
from tests.embedded import free_port, until

SAMPLES, PAUSE_SECONDS, WARM_SECONDS = 20, 0.5, 5.0
LOAD_BYTES = 2 * 2**30
LIMIT = 0.02
#: What nvidia-smi calls it, what DCGM calls it, and below which difference in its unit it is no difference.
FIGURES = (
    ("utilization.gpu", "DCGM_FI_DEV_GPU_UTIL", 1.0),
    ("memory.used", "DCGM_FI_DEV_FB_USED", 1.0),
    ("memory.free", "DCGM_FI_DEV_FB_FREE", 1.0),
    ("power.draw", "DCGM_FI_DEV_POWER_USAGE", 2.0),
    ("temperature.gpu", "DCGM_FI_DEV_GPU_TEMP", 1.0),
)


def measure() -> Iterator[Result]:
    """Means of both over the same seconds, for the first GPU."""
    if subprocess.run([sys.executable, "-m", "metrics.exporter", "--check"], check=False).returncode:
        yield Result("exporter beside nvidia-smi", "no GPU on this machine", "", None, "", True)
        return
    with exporter() as url:
        yield from _compared("idle", url)
        with load():
            time.sleep(WARM_SECONDS)
            yield from _compared("under load", url)


def _compared(state: str, url: str) -> Iterator[Result]:
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(SAMPLES):
        theirs.append(smi())
        ours.append(scrape(url))
        time.sleep(PAUSE_SECONDS)
    for smi_name, name, smallest in FIGURES:
        mine = sum(one[name] for one in ours) / SAMPLES
        other = sum(one[smi_name] for one in theirs) / SAMPLES
        apart = abs(mine - other)
        met = apart <= max(LIMIT * abs(other), smallest)
        ratio = mine / other if other else None
        yield Result(
            f"{smi_name}, {state}", f"{mine:.1f}", f"nvidia-smi {other:.1f}", ratio, "within 2 %", met
        )


@contextmanager
def exporter() -> Iterator[str]:
    """The address of a running one's figures."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "metrics.exporter", "--port", str(port)])
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        until(lambda: _answers(url), 60, "the exporter")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return "DCGM_FI_DEV_GPU_UTIL" in urllib.request.urlopen(url, timeout=30).read().decode()
    except OSError:
        return False


def scrape(url: str) -> dict[str, float]:
    text = urllib.request.urlopen(url, timeout=30).read().decode()
    samples = (one for family in parsed(text) for one in family.samples)
    return {one.name: one.value for one in samples if one.labels.get("gpu") == "0"}


def smi() -> dict[str, float]:
    names = [smi_name for smi_name, _, _ in FIGURES]
    query = ["nvidia-smi", "-i", "0", f"--query-gpu={','.join(names)}", "--format=csv,noheader,nounits"]
    said = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    return dict(zip(names, (float(word) for word in said.split(",")), strict=True))


@contextmanager
def load() -> Iterator[None]:
    """A process that keeps the first GPU busy."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.bench.gpu import burn; burn({LOAD_BYTES})"]
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def burn(size: int) -> None:
    """Writes `size` bytes of the GPU's memory again and again, until killed."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *args: object) -> None:
        if code := getattr(cuda, name)(*args):
            raise RuntimeError(f"{name} answers {code}")

    device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
    call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(size))
    while True:
        for value in range(100):
            call("cuMemsetD32_v2", memory, ctypes.c_uint(value), ctypes.c_size_t(size // 4))
        call("cuCtxSynchronize")
