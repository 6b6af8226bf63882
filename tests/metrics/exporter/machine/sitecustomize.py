"""On the path of a program it gives it two scripted GPUs; see `tests.metrics.exporter.driver`."""

import pynvml

from tests.metrics.exporter.driver import Driver, Gpu

pynvml.nvmlLib = Driver([Gpu(f"GPU-{n}", utilisation=40 + n, used=2**30) for n in range(2)])
