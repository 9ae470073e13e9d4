"""The bridges' populations at one time, as results show them: points, masses in cells, or mean and covariance alone.

Plain arrays, whatever representation they come from; nothing here computes more than a density from masses.
"""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The populations of all P points at one time; `snapshot[p]` is that of point p.

    `mean` (P, nx) and `covariance` (P, nx, nx) always; `points` (P, N, nx) and `weights` (P, N) for ensembles; `edges` (one array
    (P, cells + 1) an axis), `masses` and `density` (P, cells, …) for densities. What a representation has not is None.

    Of bridges that attach and detach it shows the attached ones: `masses` are shares of all heads, whose sum is `attached` (P,), and
    `states` (P, A, cells) those in each attached state; `mean` and `covariance` are of what is attached, NaN where nothing is.
    """

    kind: str  # points, density or gaussian
    mean: np.ndarray
    covariance: np.ndarray
    points: np.ndarray | None = None
    weights: np.ndarray | None = None
    edges: tuple[np.ndarray, ...] | None = None
    masses: np.ndarray | None = None
    attached: np.ndarray | float | None = None
    states: np.ndarray | None = None

    @property
    def density(self) -> np.ndarray | None:
        """Mean density in each cell."""
        if self.edges is None or self.masses is None:
            return None
        volume, leading = np.ones(()), self.masses.ndim - len(self.edges)
        for axis, edges in enumerate(self.edges):
            width = np.diff(edges, axis=-1)
            volume = volume * width.reshape(
                *width.shape[:leading], *(-1 if k == axis else 1 for k in range(len(self.edges)))
            )
        return self.masses / volume

    def __getitem__(self, point: int) -> "Snapshot":
        pick: Any = lambda value: None if value is None else value[point]
        edges = None if self.edges is None else tuple(e[point] for e in self.edges)
        names = ("mean", "covariance", "points", "weights", "masses", "attached", "states")
        fields = {name: pick(getattr(self, name)) for name in names}
        return Snapshot(self.kind, edges=edges, **fields)
