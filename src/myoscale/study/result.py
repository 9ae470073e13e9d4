"""What a comparison of levels found: one row a level, the runs themselves, and the effect of the bridges' mass."""

import dataclasses
import importlib.metadata
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import store
from ..books import Energy
from ..draw.labels import labels
from ..errors import InputError
from ..solution import Solution
from ..tissue.lumped import Probes
from ..types import Array
from .mass import Measure
from .text import WIDTH, study_text

_BROKEN = 1e-3
_COUNTED = ("energy_in", "energy_out", "attachments", "detachments", "atp", "lost", "attached")  # of `Cycling`


@dataclasses.dataclass(frozen=True)
class Row:
    """What one level got wrong and what it cost.

    **Attributes:** `label`; `error_y`, `error_v`: greatest Euclidean distance to the reference over time, `errors_y`, `errors_v`
    (T,) at each time that both have saved; `wasserstein`: the greatest of `wassersteins`, W₁ to the reference's population at
    `Study.times` (the worst point of the tissue); `error_force`: greatest of `errors_force` (T,), distance of the bridges' forces at the worst
    point as a fraction of the reference's greatest; `error_attached`: greatest of `errors_attached` (T,), difference of the share of heads
    attached, empty for bridges that stay attached; `drift`: of the energy, relative; `residual`: of the constraint;
    `wall`, `compile` in s; `memory` in bytes; `steps`; `path`: how expectations were computed; `reached`: time up to which the
    level ran; `message`: why it stopped there, None if it finished. What is not known is NaN.
    """

    label: str
    errors_y: Array
    errors_v: Array
    wassersteins: Array
    drift: float = math.nan
    residual: float = math.nan
    wall: float = math.nan
    compile: float = math.nan
    memory: int = 0
    steps: int = 0
    path: str = ""
    reached: float = 0.0
    message: str | None = None
    errors_force: Array = dataclasses.field(default_factory=lambda: np.zeros(0))
    errors_attached: Array = dataclasses.field(default_factory=lambda: np.zeros(0))

    @property
    def error_y(self) -> float:
        """Greatest of `errors_y`."""
        return _greatest(self.errors_y)

    @property
    def broken(self) -> bool:
        """Whether there are results whose energy drifts as in no run at a sensible tolerance, or is not a number."""
        return self.steps > 0 and not self.drift <= _BROKEN

    @property
    def error_v(self) -> float:
        """Greatest of `errors_v`."""
        return _greatest(self.errors_v)

    @property
    def error_force(self) -> float:
        """Greatest of `errors_force`."""
        return _greatest(self.errors_force)

    @property
    def error_attached(self) -> float:
        """Greatest of `errors_attached`."""
        return _greatest(self.errors_attached)

    @property
    def wasserstein(self) -> float:
        """Greatest of `wassersteins`."""
        return _greatest(self.wassersteins)


@dataclasses.dataclass(frozen=True)
class OneWay:
    """How large is the effect of the bridges' mass m? The reference level with m against the same with m = 0.

    **Attributes:** `differences_y`, `differences_v` (T,): Euclidean distances over time; `amplitude_y`, `amplitude_v`: half the
    range of the two-way motion; `ledger_error`: by how much the one-way run fails to conserve energy if the bridges' kinetic
    energy (with the true m) is counted, relative to the greatest energy in the ledger; `solution`: the one-way run;
    `message`: why it stopped, None if it finished.
    """

    differences_y: Array
    differences_v: Array
    amplitude_y: float
    amplitude_v: float
    ledger_error: float
    solution: Solution
    message: str | None = None

    @property
    def effect_y(self) -> float:
        """Greatest difference in y."""
        return _greatest(self.differences_y)

    @property
    def effect_v(self) -> float:
        """Greatest difference in ẏ."""
        return _greatest(self.differences_v)

    @property
    def relative_y(self) -> float:
        """`effect_y` as a fraction of the amplitude."""
        return self.effect_y / self.amplitude_y if self.amplitude_y else math.nan

    @property
    def relative_v(self) -> float:
        """`effect_v` as a fraction of the amplitude."""
        return self.effect_v / self.amplitude_v if self.amplitude_v else math.nan


@dataclasses.dataclass
class Study:
    """Levels compared; `print` shows the table.

    **Attributes:** `rows`, the reference first; `solutions` by label, up to where each level came; `measures` by label, the
    populations at `times` as measures, one list a time, one measure a point of the tissue; `truth`, the same for what W₁ is
    measured to: the law carried by the reference's flow, or its points; `reference`, a label; `one_way`, None if not asked for
    or without effect (m = 0, quasi-static), or where bridges need their mass; `interrupted`, whether the user stopped the study;
    `units`, the base units of its numbers for labels ({"length": "nm", "force": "pN", "time": "ms"}), None where they are scaled.
    """

    reference: str
    times: Array
    rows: list[Row] = dataclasses.field(default_factory=list)
    solutions: dict[str, Solution] = dataclasses.field(default_factory=dict)
    measures: dict[str, list[list[Measure]]] = dataclasses.field(default_factory=dict)
    truth: list[list[Measure]] = dataclasses.field(default_factory=list)
    one_way: OneWay | None = None
    interrupted: bool = False
    units: Mapping[str, str] | None = None

    @property
    def alone(self) -> bool:
        """Whether this is one run, compared with nothing."""
        return len(self.rows) == 1 and not len(self.rows[0].errors_y)

    @property
    def cycles(self) -> bool:
        """Whether its bridges attach and detach."""
        return any(run.cycling is not None for run in self.solutions.values())

    @property
    def labels(self) -> dict[str, str]:
        """What axes are called, in the study's units."""
        tissue = next(iter(self.solutions.values())).scenario.model.tissue
        seen = {"y": "what bridges see, q"} if isinstance(tissue, Probes) else {}
        return labels(self.units, tissue.are_lengths) | seen

    def __getitem__(self, label: str) -> Row:
        return {row.label: row for row in self.rows}[label]

    def __str__(self) -> str:
        return study_text(self)

    def text(self, width: int = WIDTH) -> str:
        """As `print(study)`, for a terminal of `width` columns, from 72 to 110; a narrow one shows no memory and no time to compile."""
        return study_text(self, width)

    def as_dict(self) -> dict[str, Any]:
        """The table as plain numbers and texts, for JSON; what is not known is NaN."""
        names = (
            "label",
            "error_y",
            "error_v",
            "error_force",
            "error_attached",
            "wasserstein",
            "drift",
            "residual",
            "wall",
            "compile",
            "memory",
            "steps",
        )
        rows = [{name: getattr(row, name) for name in (*names, "path", "reached", "message")} for row in self.rows]
        numbers = ("effect_y", "effect_v", "relative_y", "relative_v", "ledger_error", "message")
        return {
            "myoscale": importlib.metadata.version("myoscale"),
            "reference": self.reference,
            "interrupted": self.interrupted,
            "levels": rows,
            "one_way": None if self.one_way is None else {name: getattr(self.one_way, name) for name in numbers},
        }

    def plot(self, title: str = "") -> np.ndarray:
        """Draw motion, distances and populations with pyplot; `ms.figure` does it without global state.

        **Returns:** the matplotlib axes; `axes[0].figure.savefig("study.pdf")` writes them.

        **Raises:** `InputError` if there are no results.
        """
        import matplotlib.pyplot as plt  # here, because it takes a while and most studies are not drawn

        from .figure import figure

        return np.array(figure(self, title, plt.figure).axes)

    def to_xarray(self):
        """An `xarray.Dataset` over level, time and coordinate; the scenario of level k is the attribute `level_k_scenario`.

        Times that a level did not reach are NaN. `store.typed_attribute(dataset, "level_0_scenario")` is the scenario again.

        **Raises:** `InputError` if no level has any result.
        """
        if not self.solutions:
            raise InputError(
                "Expected a study with results. Received one that stopped before any level had saved a time."
            )
        rows = [row for row in self.rows if row.label in self.solutions]
        runs = [self.solutions[row.label] for row in rows]
        ts = max((run.ts for run in runs), key=len)
        fill = lambda parts, length: np.stack([_padded(part, length) for part in parts])
        over_time = lambda get: (("level", "time"), fill(map(get, runs), len(ts)))
        energies = [f.name for f in dataclasses.fields(Energy)] + ["total", "balance"]
        variables = {
            "y": (("level", "time", "coordinate"), fill((run.y for run in runs), len(ts))),
            "v": (("level", "time", "coordinate"), fill((run.v for run in runs), len(ts))),
            **{f"energy_{name}": over_time(lambda run, name=name: getattr(run.energy, name)) for name in energies},
            "residual": over_time(lambda run: run.residual),
            "errors_y": (("level", "time"), fill((row.errors_y for row in rows), len(ts))),
            "errors_v": (("level", "time"), fill((row.errors_v for row in rows), len(ts))),
            "errors_force": (("level", "time"), fill((row.errors_force for row in rows), len(ts))),
            "wassersteins": (("level", "population_time"), fill((row.wassersteins for row in rows), len(self.times))),
        }
        if self.cycles:
            variables["force"] = (("level", "time", "point", "q"), fill((run.force for run in runs), len(ts)))
            variables["errors_attached"] = over_time(lambda run: self[run.scenario.level.label].errors_attached)
            for name in _COUNTED:
                values = fill((getattr(run.cycling, name) for run in runs), len(ts))
                variables[f"cycling_{name}"] = (("level", "time", "point")[: values.ndim], values)
        scalars = ("error_y", "error_v", "error_force", "error_attached", "wasserstein", "drift", "wall", "compile")
        scalars = (*scalars, "memory", "steps", "reached")
        variables |= {name: (("level",), np.array([getattr(row, name) for row in rows], float)) for name in scalars}
        texts = {"path": [row.path for row in rows], "message": [row.message or "" for row in rows]}
        variables |= {name: (("level",), np.array(text, object)) for name, text in texts.items()}
        attributes: dict[str, Any] = {
            "title": "myoscale: levels compared",
            "myoscale_version": importlib.metadata.version("myoscale"),
            "reference": self.reference,
            "interrupted": int(self.interrupted),
        }
        if (effect := self.one_way) is not None:
            for name in ("differences_y", "differences_v"):
                variables[f"one_way_{name}"] = (("time",), _padded(getattr(effect, name), len(ts)))
            numbers = ("effect_y", "effect_v", "relative_y", "relative_v", "ledger_error")
            attributes |= {f"one_way_{name}": getattr(effect, name) for name in numbers}
        scenarios = {f"level_{k}_scenario": run.scenario for k, run in enumerate(runs)}
        dataset = store.to_dataset(variables, attributes, **scenarios)
        labels = np.array([row.label for row in rows], object)
        return dataset.assign_coords(
            level=("level", labels), time=("time", ts), population_time=("population_time", self.times)
        )

    def save(self, path: str | Path) -> Path:
        """Write `to_xarray()` as a NetCDF file, whole or not at all.

        **Raises:** `InputError` if it cannot be written there.
        """
        return store.write(self.to_xarray(), path)


def _greatest(values: Array) -> float:
    return float(np.max(values)) if len(values) else math.nan


def _padded(values: Array, length: int) -> Array:
    """As many entries as asked for, NaN at the end."""
    return np.concatenate([values, np.full((length - len(values), *values.shape[1:]), np.nan)])
