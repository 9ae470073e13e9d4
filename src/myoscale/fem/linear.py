"""Direct solution of sparse systems of one pattern: Intel's Pardiso where `pypardiso` is installed, SciPy's SuperLU elsewhere.

Pardiso takes only the upper triangle of a symmetric matrix, in little more than half the time, and orders the unknowns once for all matrices of its
pattern. Other unsymmetric ones than those near to definite it scales and permutes by their values, so they are ordered anew each time: what a run
computes must not depend on where it was interrupted. SuperLU knows no symmetric matrices: it gets both triangles.
"""

import functools
import importlib
import os
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl

from ..types import Array, Float
from .pattern import Pattern

_UNSYMMETRIC, _INDEFINITE = 11, -2  # Pardiso's names of real matrices
# Its settings: not the defaults; nested dissection; pivots ≥ 1e-13; no scaling; no matching.
_PLAIN = {1: 1, 2: 2, 10: 13, 11: 0, 13: 0}


@functools.cache
def _pardiso() -> Any:
    """The class of Pardiso's solvers, None where it is not installed."""
    if os.environ.get("MYOSCALE_SOLVER") == "superlu":
        return None
    try:
        return importlib.import_module("pypardiso").PyPardisoSolver
    except ImportError:  # also where MKL itself is missing
        return None


def symmetric_mode() -> bool:
    """Whether symmetric matrices are solved from their upper triangle."""
    return _pardiso() is not None


class Linear:
    """A solver for all matrices of a pattern; `name` says which library it is.

    **Arguments:** `definite`: near to a positive definite matrix, so that no scaling or permutation by values is needed.
    """

    def __init__(self, pattern: Pattern, definite: bool = False):
        self.pattern, found = pattern, _pardiso()
        self.name = "SuperLU" if found is None else "Pardiso"
        self._pardiso = found and found(_INDEFINITE if pattern.upper else _UNSYMMETRIC)
        self._ordered, self._once = False, pattern.upper or definite
        self._factors: Any = None
        if self._pardiso is not None and definite and not pattern.upper:
            for place, value in _PLAIN.items():
                self._pardiso.set_iparm(place, value)

    def factor(self, matrix: sp.csr_matrix) -> None:
        """Make this the matrix of `solve`."""
        if self._pardiso is None:
            self._factors = None  # before the new ones are made: memory for one is enough
            try:
                self._factors = spl.splu(matrix.tocsc())
            except RuntimeError:  # exactly singular
                pass
            return
        self._factors = matrix
        self._pardiso.set_phase(22 if self._ordered else 12)
        self._ordered = self._once
        self._pardiso._call_pardiso(matrix, np.zeros(self.pattern.size))

    def solve(self, right: Float[Array, " n"]) -> Float[np.ndarray, " n"]:
        """x of matrix · x = right; not finite, or vast (Pardiso moves pivots of zero), where the matrix is singular."""
        right = np.ascontiguousarray(right, float)
        if self._factors is None:
            return np.full_like(right, np.nan)
        if self._pardiso is None:
            return self._factors.solve(right)
        self._pardiso.set_phase(33)
        return self._pardiso._call_pardiso(self._factors, right)

    def close(self) -> None:
        """Give back what the factors hold."""
        self._factors = None
        if self._pardiso is not None:
            self._pardiso.free_memory(everything=True)
            self._pardiso = None
