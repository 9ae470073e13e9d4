"""A sparse matrix whose pattern is found once: contributions of cells are added up into the same places each time.

Unknowns that a contribution names with −1 (prescribed ones) take no part.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from ..types import Array, Float, Int


class Pattern:
    """Where the entries of blocks go.

    **Arguments:** `size`, the number of unknowns n; `blocks`, for each kind of contribution its rows (E, R) and columns (E, C), numbers of unknowns
    or −1; `upper`: only the upper triangle is kept, of a symmetric matrix.
    """

    def __init__(self, size: int, blocks: Sequence[tuple[Int[Array, "_ _"], Int[Array, "_ _"]]], upper: bool = False):
        self.size, self.upper = size, upper
        keys, self._kept = [np.arange(size) * (size + 1)], []  # the diagonal is always there: direct solvers ask for it
        for rows, columns in blocks:
            r, c = np.asarray(rows, np.int64)[:, :, None], np.asarray(columns, np.int64)[:, None, :]
            good = (r >= 0) & (c >= 0) & ((c >= r) | (not upper))
            keys.append((r * size + c)[good])
            self._kept.append(np.flatnonzero(good))
        found, place = np.unique(np.concatenate(keys), return_inverse=True)
        self._place = place[size:]
        self.indices = (found % size).astype(np.int32)
        self.indptr = np.searchsorted(found, np.arange(size + 1) * size).astype(np.int32)

    def matrix(self, blocks: Sequence[Float[Array, "_ _ _"]]) -> sp.csr_matrix:
        """The sum of these blocks, in the order in which their rows and columns were given."""
        values = [np.asarray(block).ravel()[kept] for block, kept in zip(blocks, self._kept, strict=True)]
        data = np.bincount(self._place, weights=np.concatenate(values), minlength=len(self.indices))
        return sp.csr_matrix((data, self.indices, self.indptr), shape=(self.size, self.size))


def vector(size: int, rows: Int[Array, "..."], values: Float[Array, "..."]) -> Float[np.ndarray, " n"]:
    """The sum of contributions to a vector; those to −1 are left out."""
    rows, values = np.asarray(rows).ravel(), np.asarray(values).ravel()
    good = rows >= 0
    return np.bincount(rows[good], weights=values[good], minlength=size)
