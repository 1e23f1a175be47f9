"""Two binned calibration errors: the upward bias of each cancels only where both are far from perfect.

A bin's distance is an absolute value, which noise alone makes positive. A well calibrated baseline is lifted by more
than a worse candidate, so the loss between them looks smaller than it is.
"""

from dataclasses import replace

import numpy as np

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Pair
from shipworthy.metrics.types import Floats

_TOLD_APART = 2.0
"""A baseline below so many times what noise alone gives cannot be told from a perfect one."""


def with_room_for_noise(found: Contrast, pair: Pair, cells: Cells) -> Contrast:
    """The contrast whose gain may be smaller by what noise adds to a baseline that may be perfectly calibrated."""
    if found.gain is None or found.base is None or pair.base_NK is None or pair.metric.noise is None:
        return found
    noise = pair.metric.noise(np.array([pair.base_NK[rows].sum(axis=0) for rows in cells.rows()]))
    room = np.where(found.base.value_S < _TOLD_APART * noise, noise, 0.0)
    better = found.p_at_most

    def at_most(limit: float) -> Floats:
        return np.array([better(limit + float(more))[cell] for cell, more in enumerate(room)])

    low = found.gain.low_S - room
    return replace(
        found,
        gain=Spread(value_S=found.gain.value_S, low_S=low, high_S=found.gain.high_S),
        p_at_most=at_most,
        noise_S=room,
    )
