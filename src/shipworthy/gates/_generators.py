"""A generator for each name: what is drawn for one comparison does not depend on which others are asked for."""

from hashlib import sha256

import numpy as np


class Generators:
    """Draws one key from the generator it is given; a name then always gets the same generator under that key."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._key = rng.integers(0, 2**63, size=2).tolist()

    def of(self, *names: str) -> np.random.Generator:
        """The names' own generator, fresh at every call."""
        digest = sha256("\0".join(names).encode()).digest()
        words = np.frombuffer(digest, dtype=np.uint32).tolist()
        return np.random.default_rng([*self._key, *words])
