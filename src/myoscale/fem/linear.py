"""Direct solution of sparse systems of one pattern: Intel's Pardiso where `pypardiso` is installed, SciPy's SuperLU elsewhere.

Pardiso takes only the upper triangle of a symmetric matrix, in little more than half the time, and orders the unknowns once for all matrices of its
pattern. Unsymmetric ones it scales and permutes by their values, so they are ordered anew each time: what a run computes must not depend on where
it was interrupted. SuperLU knows no symmetric matrices: it gets both triangles.
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
    """A solver for all matrices of a pattern; `name` says which library it is."""

    def __init__(self, pattern: Pattern):
        self.pattern, kind = pattern, _pardiso()
        self.name = "SuperLU" if kind is None else "Pardiso"
        self._pardiso = None if kind is None else kind(_INDEFINITE if pattern.upper else _UNSYMMETRIC)
        self._ordered = False

    def solve(self, matrix: sp.csr_matrix, right: Float[Array, " n"]) -> Float[np.ndarray, " n"]:
        """x of matrix · x = right; not finite where the matrix is singular."""
        right = np.ascontiguousarray(right, float)
        if self._pardiso is None:
            try:
                return spl.splu(matrix.tocsc()).solve(right)
            except RuntimeError:  # exactly singular
                return np.full_like(right, np.nan)
        self._pardiso.set_phase(23 if self._ordered else 13)
        self._ordered = self.pattern.upper
        return self._pardiso._call_pardiso(matrix, right)

    def close(self) -> None:
        """Give back Pardiso's memory."""
        if self._pardiso is not None:
            self._pardiso.free_memory(everything=True)
            self._pardiso = None
