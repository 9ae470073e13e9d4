"""Which displacements are unknown: clamps, prescribed motion and ties as a numbering of the unknowns.

`number[k]` is the unknown that displacement k is, −1 where it is prescribed; displacements that are tied have the same number. A continuous pressure
follows the displacements; one that is constant in each cell is eliminated cell by cell from each linear system (and stays an unknown of
Newton's method: from rest to full load that converges where a condensed pressure does not).
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from ..fem import Linear, Pattern, symmetric_mode
from ..tissue import AbstractCondition, Clamp, ContinuumTissue, Motion, Pressure, Springs, Tie, Traction
from ..types import Array, Int


@dataclasses.dataclass(frozen=True)
class Layout:
    """The numbering of one tissue.

    **Attributes:** `number` (ny,); `cells` (E, D) and `facets`, by the number of a condition, the unknowns of each cell; `pressures` (E, B), those of the
    pressure, −1 where it is eliminated; `moved`, which displacements each `Motion` prescribes; `size`, the number of unknowns.
    """

    number: Int[Array, " ny"]
    cells: Int[Array, "E D"]
    pressures: Int[Array, "E B"]
    facets: Mapping[int, Int[Array, "F D"]]
    dofs: Mapping[int, Int[Array, "F D"]]
    moved: Mapping[int, Int[Array, " k"]]
    size: int
    displacements: int

    def linear(self, symmetric: bool) -> Linear:
        """A solver for the matrices of this numbering."""
        blocks = [(self.cells, self.cells)]
        if self.size > self.displacements:
            blocks += [(self.cells, self.pressures), (self.pressures, self.cells), (self.pressures, self.pressures)]
        blocks += [(rows, rows) for rows in self.facets.values()]
        pattern = Pattern(self.size, blocks, upper=symmetric and symmetric_mode())
        return Linear(pattern, definite=self.size == self.displacements)


def layout(tissue: ContinuumTissue, conditions: Mapping[int, AbstractCondition]) -> Layout:
    """Number the unknowns under these conditions, by their numbers in the tissue.

    **Raises:** `InputError` where everything is held, or two conditions prescribe one displacement.
    """
    space, d = tissue.space, tissue.space.dim
    state = np.zeros(tissue.ny, int)  # 0 free, −1 prescribed, k > 0 tied with others
    moved = {}
    for k, one in conditions.items():
        on = np.asarray(space.facets[one.boundary].on)
        if isinstance(one, Clamp):
            for c in range(d) if one.components is None else one.components:
                state[on * d + c] = -1
        elif isinstance(one, Motion):
            moved[k] = on * d + one.component
            state[moved[k]] = -1
    for k, one in conditions.items():
        if isinstance(one, Tie):
            rows = np.asarray(space.facets[one.boundary].on) * d + one.component
            if (state[rows] < 0).any():
                raise InputError(
                    f"Tie('{one.boundary}', {one.component}) expected displacements that nothing else prescribes. Received some that a Clamp or Motion does."
                )
            joined = np.unique(state[rows][state[rows] > 0])
            state[rows] = k + 1
            for other in joined:  # an edge that two ties share ties both
                state[state == other] = k + 1
    _once(conditions, moved)
    keys = np.where(state == 0, -np.arange(1, tissue.ny + 1), state)  # a name of its own for each that is free
    names, number = np.unique(keys[state >= 0], return_inverse=True)
    numbers = np.full(tissue.ny, -1)
    numbers[state >= 0] = number
    if not len(names):
        raise InputError(
            "ContinuumTissue expected displacements that are free. Received conditions that hold them all."
        )
    rows = lambda nodes: (np.asarray(nodes)[:, :, None] * d + np.arange(d)).reshape(len(nodes), -1)
    pressures = np.asarray(space.pressure_nodes)
    pressures = len(names) + pressures if space.continuous else np.full_like(pressures, -1)
    loaded = {
        k: rows(space.facets[one.boundary].nodes)
        for k, one in conditions.items()
        if isinstance(one, Traction | Pressure | Springs)
    }
    return Layout(
        number=numbers,
        cells=numbers[rows(space.nodes)],
        pressures=pressures,
        facets={k: numbers[dofs] for k, dofs in loaded.items()},
        dofs=loaded,
        moved=moved,
        size=len(names) + (space.pressure_count if space.continuous else 0),
        displacements=len(names),
    )


def _once(conditions: Mapping[int, AbstractCondition], moved: dict[int, np.ndarray]) -> None:
    """Raise `InputError` if two motions prescribe one displacement."""
    every = np.concatenate(list(moved.values())) if moved else np.zeros(0, int)
    if len(np.unique(every)) < len(every):
        names = ", ".join(f"Motion('{conditions[k].boundary}')" for k in moved)
        raise InputError(f"Expected each displacement to be prescribed once. Received {names}, which share some nodes.")
