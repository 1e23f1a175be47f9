"""What answering took besides time: the peak of memory, and the energy of the GPUs. For models that run here.

A reading stands in `Response.extra`: `memory_peak_bytes` (resident memory of this process), `gpu_memory_peak_bytes`
(what torch held on all its GPUs), `energy_j` (joules of those GPUs). What cannot be measured is left out, not guessed:
the first needs Linux, whose kernel lets a process set its peak back, the last NVML (`shipworthy[energy]`).
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SET_BACK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_PEAK_RESIDENT = "5"
"""What the kernel wants to read in `clear_refs` to set VmHWM back to what is resident now (man 5 proc)."""

Energy = Callable[[], int | None]
"""Millijoules that the GPUs have taken since their driver was loaded; None where nobody counts them."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures one batch at a time; its answers share the peaks, and have equal shares of the energy."""

    _resident: bool
    _energy: Energy
    _energy_mj: int | None

    @classmethod
    def start(cls, energy: Energy | None = None) -> "Meter":
        """Set the peaks back and begin. `energy`: who counts it; by default NVML, where torch uses a GPU."""
        cuda = _cuda()
        if cuda is not None:
            for device in range(cuda.device_count()):
                cuda.reset_peak_memory_stats(device)
        counter = energy or (nvml_energy_mj if cuda is not None else _nobody)
        return cls(_set_back(), counter, counter())

    def stop(self, answers: int) -> dict[str, Any]:
        """What each of so many answers may say in its `extra`."""
        found = {
            "memory_peak_bytes": peak_bytes() if self._resident else None,
            "gpu_memory_peak_bytes": _gpu_peak_bytes(),
            "energy_j": self._share_j(answers),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _share_j(self, answers: int) -> float | None:
        now_mj = self._energy()
        if now_mj is None or self._energy_mj is None or now_mj < self._energy_mj:
            return None
        return (now_mj - self._energy_mj) / 1000 / answers


def resident_anew() -> int | None:
    """Bytes resident now, from where `peak_bytes` counts on; None where the kernel does not set a peak back."""
    return peak_bytes() if _set_back() else None


def peak_bytes() -> int | None:
    """The most bytes resident since the peak was last set back, by `resident_anew` or by a Meter; Linux counts KiB."""
    line = next((line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")), None)
    return None if line is None else int(line.split()[1]) * 1024


def _nobody() -> None:
    """Nobody counts the energy."""


def _set_back() -> bool:
    try:
        _SET_BACK.write_text(_PEAK_RESIDENT)
    except OSError:  # no Linux, or a container that does not allow it
        return False
    return True


def _cuda() -> Any:
    """torch's view of the GPUs where it has begun to use one; None else. Loads nothing."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized() else None


def _gpu_peak_bytes() -> int | None:
    cuda = _cuda()
    return None if cuda is None else sum(cuda.max_memory_allocated(at) for at in range(cuda.device_count()))


# --- NVML -------------------------------------------------------------------------------------------------------------


def nvml_energy_mj() -> int | None:
    """Millijoules of every visible GPU since its driver was loaded; others' work on it is in there too.

    Volta and newer count it, every 20 to 100 ms: one short answer may read 0, the sum over a run is right.
    """
    opened = _nvml()
    if opened is None:
        return None
    nvml, devices = opened
    try:
        return sum(int(nvml.nvmlDeviceGetTotalEnergyConsumption(device)) for device in devices) if devices else None
    except nvml.NVMLError:  # a GPU that does not count, or a part of one
        return None


@cache
def _nvml() -> tuple[Any, tuple[Any, ...]] | None:
    """NVML and the devices that this process may use; None where there is no driver or no package."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        names = visible(os.environ.get("CUDA_VISIBLE_DEVICES"), int(pynvml.nvmlDeviceGetCount()))
        return pynvml, tuple(
            pynvml.nvmlDeviceGetHandleByIndex(name)
            if isinstance(name, int)
            else pynvml.nvmlDeviceGetHandleByUUID(name.encode())
            for name in names
        )
    except pynvml.NVMLError:
        return None


def visible(said: str | None, count: int) -> list[int | str]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves a process: indices (in PCI order) and UUIDs."""
    if said is None:
        return list(range(count))
    names = [name.strip() for name in said.split(",") if name.strip()]
    return [int(name) if name.isdigit() else name for name in names if name.isdigit() or name.startswith("GPU-")]
