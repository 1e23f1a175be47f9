"""Who may pass: one question over evidence, judged into a verdict. Pure; see docs/concepts/decisions.md.

`Question` says what is asked, `judge` answers it. `explain` (planning.py) says beforehand what each gate can detect,
from the protocol's beliefs or from what an earlier run showed. `estimate` is
one model alone, `ladder` lays all models side by side, `pareto` says which of them nobody dominates, and `matrix`
compares several candidates and baselines as one declared family.
"""

from shipworthy.gates._ladder import estimate, ladder
from shipworthy.gates._matrix import matrix
from shipworthy.gates._pareto import pareto
from shipworthy.gates.judge import judge
from shipworthy.gates.planning import explain
from shipworthy.gates.question import Question

__all__ = ["Question", "estimate", "explain", "judge", "ladder", "matrix", "pareto"]
