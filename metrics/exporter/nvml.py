"""NVML as we use it: errors that end a look are told apart from what a GPU merely does not have.

Everything here may block; only `device` and `fleet` call it, on lanes.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import pynvml
from pynvml import NVMLError

#: Errors after which nothing else need be asked, with the word that tells them.
FATAL = {
    pynvml.NVML_ERROR_UNINITIALIZED: "no_driver",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "no_driver",
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no_library",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "driver_mismatch",
    pynvml.NVML_ERROR_GPU_IS_LOST: "lost",
    pynvml.NVML_ERROR_GPU_NOT_FOUND: "lost",
    pynvml.NVML_ERROR_RESET_REQUIRED: "reset_required",
}
#: What the reasons mean, for people.
REASONS = {
    "": "it answers",
    "no_library": "libnvidia-ml.so.1 is not installed: there is no NVIDIA driver, or it is not visible here",
    "no_driver": "the NVIDIA kernel driver is not loaded",
    "driver_mismatch": "the driver's library and kernel module are of different versions: reload or restart",
    "lost": "the GPU has fallen off the bus: restart the machine or reset the GPU",
    "reset_required": "the GPU must be reset before it can be used",
    "hangs": "the driver does not answer",
    "error": "the driver answers with an error; see the exporter's log",
}


def reason(error: Exception) -> str:
    """The word for an error."""
    return FATAL.get(getattr(error, "value", None), "error")


def ask(name: str, *args: Any) -> Any:
    """`pynvml.NAME(*args)`, None for what this GPU or driver does not have. Raises fatal NVMLErrors."""
    function: Callable[..., Any] | None = getattr(pynvml, name, None)
    try:
        return function(*args) if function else None
    except NVMLError as error:
        if error.value in FATAL:
            raise
        return None
    except pynvml.NVMLLibraryMismatchError:  # the function came with a later driver
        return None


def give_back(name: str, thing: Any) -> None:
    """`pynvml.NAME(thing)` unless there is none; where NVML has gone, so has what was given."""
    if thing is not None:
        with contextlib.suppress(NVMLError):
            ask(name, thing)


def start() -> int:
    """Initialises NVML anew; the number of GPUs. Raises NVMLError."""
    stop()
    pynvml.nvmlInit()
    return int(pynvml.nvmlDeviceGetCount())


def stop() -> None:
    """Ends what `start` began, if anything."""
    with contextlib.suppress(NVMLError):  # it was not running
        pynvml.nvmlShutdown()
