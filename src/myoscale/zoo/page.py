"""What a page of the zoo holds: how to build a published model, and what to compare on it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..drive import AbstractDrive, Free
from ..levels import AbstractLevel
from ..model import Model, Start
from .exact import LinearExact


@dataclasses.dataclass(frozen=True)
class Problem:
    """A model, its start, and what to do with them: a page of the zoo, or a scenario file.

    **Attributes:** `title`, one line; `model` and `start`; `t1`, the end of the run; `levels` to run by default; `reference`, the
    level that errors are measured against, None for the default of `compare`; `drive`, `save`, `tolerance`, `seed` as for
    `solve`; `name`, as the shell calls it; `source`, where the model was published; `exact`, the exact mean-field solution,
    `exact(t)` being y and ẏ, or None where none is known; `output`, the folder for results; `units`, the base units of all
    numbers ({"length": "nm", "force": "pN", "time": "ms"}), None where they are scaled.
    """

    title: str
    model: Model
    start: Start
    t1: float
    levels: tuple[AbstractLevel, ...]
    reference: AbstractLevel | None = None
    drive: AbstractDrive = Free()
    save: int | tuple[float, ...] = 201
    tolerance: float = 1e-8
    seed: int = 0
    name: str = ""
    source: str = ""
    exact: LinearExact | None = None
    output: str = ""
    units: dict[str, str] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that `solve` and `compare` share."""
        options = {name: getattr(self, name) for name in ("t1", "drive", "tolerance", "seed")}
        return options | {"save": self.save if isinstance(self.save, int) else np.array(self.save)}


@dataclasses.dataclass(frozen=True)
class Page:
    """The recipe of a `Problem`: nothing is built before it is asked for.

    **Attributes:** `build`, keyword parameters to (model, start); `exact`, (model, start) to the exact solution, or None; the
    others as in `Problem`.
    """

    name: str
    title: str
    build: Callable[..., tuple[Model, Start]]
    t1: float
    levels: tuple[AbstractLevel, ...]
    source: str
    exact: Callable[[Model, Start], LinearExact] | None = None
    reference: AbstractLevel | None = None
    drive: AbstractDrive = Free()
    units: dict[str, str] | None = None
    save: int = 201

    def problem(self, **parameters: Any) -> Problem:
        """The problem, with other `parameters` of `build` than the published ones."""
        model, start = self.build(**parameters)
        exact = None if self.exact is None else self.exact(model, start)
        names = ("title", "t1", "levels", "reference", "drive", "name", "source", "units", "save")
        given = {name: getattr(self, name) for name in names}
        return Problem(model=model, start=start, exact=exact, **given)
