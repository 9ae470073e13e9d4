"""What a study of convergence found: runs of every size and sample, their errors, and the rates at which these fall."""

import dataclasses
import functools
import importlib.metadata
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ... import store
from ...model import scheme_of
from ...solution import Scenario, Solution
from ...types import Array
from . import figure
from .members import Members
from .rates import QUANTITIES, Expected, Rate, expectation, fit

_WIDTH = 110
_FLOOR = 10.0  # tolerances, below which an error says nothing about a level


@dataclasses.dataclass
class Convergence:
    """Runs of one level at K sizes with S samples each; `print` shows errors and rates.

    **Attributes:** `scenario`, its level at no particular size; `sizes` (K,); `reference`, the finer level's run; `ts` (T,); `y`, `v`
    (K, S, T, ny), `force` (K, S, T, P, nq), `wassersteins` (K, S, W) at the times `when` (W,), the worst point of the tissue: NaN of runs that
    stopped, of what was not computed any more, and of W₁ beyond the first samples where it is a linear programme; `bias` (K,), how far apart two
    clouds are that stand for the law (nx ≥ 2; zero on the line, where W₁ is exact); `interrupted`, whether the user stopped the study.
    """

    scenario: Scenario
    reference: Solution
    sizes: tuple[int, ...]
    when: Array
    y: Array
    v: Array
    force: Array
    wassersteins: Array
    bias: Array
    interrupted: bool = False
    units: Mapping[str, str] | None = None

    @classmethod
    def empty(
        cls, scenario: Scenario, reference: Solution, when: Array, sizes: tuple[int, ...], samples: int, bias: Array
    ) -> "Convergence":
        """Before anything has been computed."""
        head = len(sizes), samples
        nothing = lambda like: np.full((*head, *np.shape(like)), np.nan)
        runs = nothing(reference.y), nothing(reference.v), nothing(reference.force)
        return cls(scenario, reference, sizes, when, *runs, nothing(when), bias)

    def put(self, k: int, first: int, runs: Members) -> None:
        """Some samples of the k-th size."""
        rows = slice(first, first + len(runs.y))
        for mine, theirs in zip((self.y, self.v, self.force, self.wassersteins), runs, strict=True):
            mine[k, rows] = theirs
        vars(self).pop("errors", None)

    @property
    def ts(self) -> Array:
        """The saved times."""
        return self.reference.ts

    @property
    def samples(self) -> int:
        """Runs of each size."""
        return self.y.shape[1]

    @property
    def label(self) -> str:
        """The level, with the sizes in the place of one."""
        return f"{self.scenario.level.name}:{self.sizes[0]}..{self.sizes[-1]}"

    @functools.cached_property
    def errors(self) -> dict[str, Array]:
        """Greatest distance to the reference over time, (K, S), by quantity: "y", "v", "force" (as a part of its greatest), "wasserstein"."""
        finer = self.reference
        scale = float(np.linalg.norm(finer.force, axis=2).max()) or math.nan
        apart = {
            "y": np.linalg.norm(self.y - finer.y, axis=-1).max(-1),
            "v": np.linalg.norm(self.v - finer.v, axis=-1).max(-1),
            "force": np.linalg.norm(self.force - finer.force, axis=-1).max((-1, -2)) / scale,
            "wasserstein": self.wassersteins.max(-1),
        }
        if not np.isfinite(apart["y"]).any() or np.nanmax(apart["y"]) > 0:
            return apart
        return {name: apart[name] for name in ("force", "wasserstein")}  # all motion is given

    @property
    def rates(self) -> dict[str, Rate]:
        """How fast each error falls, by quantity."""
        level, start = self.scenario.level, self.scenario.start
        cycles = scheme_of(self.scenario.model.bridge) is not None
        floor = _FLOOR * float(self.scenario.tolerance)
        expected = lambda what: expectation(level, what, start, cycles, np.asarray(self.sizes))
        return {what: _fit(self.sizes, errors, floor, expected(what)) for what, errors in self.errors.items()}

    @property
    def variance(self) -> Array:
        """N Var y_N(t) over the samples, (K, T, ny): the same for all sizes where fluctuations are as theory says (theory.md section 6)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sizes, float)[:, None, None] * np.nanvar(self.y, axis=1, ddof=1)

    @property
    def finished(self) -> Array:
        """Runs of each size that came to their end, (K,)."""
        return np.isfinite(self.y).all((2, 3)).sum(1)

    @property
    def headline(self) -> str:
        """One sentence: do errors fall as theory says?"""
        rates = self.rates
        said = [
            f"{QUANTITIES[name]} like N^{rate.exponent:.2f} ({rate.verdict})"
            if not math.isnan(rate.exponent)
            else f"{QUANTITIES[name]} {rate.verdict}"
            for name, rate in rates.items()
        ]
        return f"Errors of {self.label} against {self.reference.scenario.level.label}: {', '.join(said)}."

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = _WIDTH) -> str:
        """As `print(study)`, for a terminal of `width` columns."""
        errors, rates = self.errors, self.rates
        heads = {"y": "max|Δy|", "v": "max|Δẏ|", "force": "max|Δf|", "wasserstein": "max W1"}
        plane = self.scenario.start.nx > 1
        lines = [
            "".join(
                [f"{'size':>10}{'runs':>8}", *(f"{heads[name]:>11}" for name in errors), f"{'bias W1':>11}" * plane]
            )
        ]
        with np.errstate(invalid="ignore"):
            squares = {name: np.sqrt(_mean(values**2)) for name, values in errors.items()}
        for k, size in enumerate(self.sizes):
            row = [f"{size:>10}{self.finished[k]:>8}", *(f"{_number(squares[name][k]):>11}" for name in errors)]
            lines.append("".join([*row, f"{_number(self.bias[k]):>11}" * plane]))
        lines += ["", f"{'error':<8}{'rate':>7}   {'95 % interval':<17}{'expected':>9}   verdict"]
        for name, rate in rates.items():
            bound = "≤ " * rate.expected.at_least
            wanted = "-" if rate.expected.exponent is None else f"{bound}{rate.expected.exponent:.2f}"
            interval = "-" if math.isnan(rate.low) else f"{rate.low:.2f} to {rate.high:.2f}"
            exponent = "-" if math.isnan(rate.exponent) else f"{rate.exponent:.2f}"
            lines.append(f"{QUANTITIES[name]:<8}{exponent:>7}   {interval:<17}{wanted:>9}   {rate.verdict}")
        sources = {rate.expected.source: [] for rate in rates.values()}
        for name, rate in rates.items():
            sources[rate.expected.source].append(QUANTITIES[name])
        notes = [
            f"{self.scenario.level.name} against {self.reference.scenario.level.label}: root of the mean square over samples of the greatest distance in "
            f"time (f: of the bridges' force, as a part of its greatest; W1: of populations, at t = {', '.join(f'{t:.4g}' for t in self.when)})."
        ]
        notes += [f"Expected of {', '.join(names)}: {source}." for source, names in sources.items()]
        if plane and np.any(self.bias):
            notes.append(
                "W1 is taken to a cloud of twice as many Sobol points; bias: the distance of two such clouds, which W1 to the law itself may be off by."
            )
        notes += self._missing()
        return "\n".join([*lines, "", *(textwrap.fill(note, width, subsequent_indent="  ") for note in notes)])

    def _missing(self) -> list[str]:
        if self.interrupted:
            return ["Interrupted: only what was computed until then is shown."]
        short = [(size, n) for size, n in zip(self.sizes, self.finished, strict=True) if n < self.samples]
        if not short:
            return []
        listed = ", ".join(f"{self.samples - n} of size {size}" for size, n in short)
        return [
            f"! Runs that stopped on the way are left out: {listed}. Run one alone to read why; errors of those left are of those that can go on."
        ]

    def as_dict(self) -> dict[str, Any]:
        """Table and rates as plain numbers and texts, for JSON; what is not known is NaN."""
        rows = [
            {"size": size, "runs": int(self.finished[k])}
            | {name: float(np.sqrt(_mean(e**2)[k])) for name, e in self.errors.items()}
            for k, size in enumerate(self.sizes)
        ]
        rates = {
            name: {
                "rate": rate.exponent,
                "interval": [rate.low, rate.high],
                "expected": math.nan if rate.expected.exponent is None else rate.expected.exponent,
                "source": rate.expected.source,
                "verdict": rate.verdict,
            }
            for name, rate in self.rates.items()
        }
        return {
            "myoscale": importlib.metadata.version("myoscale"),
            "level": self.scenario.level.name,
            "reference": self.reference.scenario.level.label,
            "samples": self.samples,
            "interrupted": self.interrupted,
            "sizes": rows,
            "bias": [float(b) for b in self.bias],
            "rates": rates,
        }

    def figure(self, title: str = ""):
        """A matplotlib `Figure` without global state: errors and rates, variances, single runs."""
        return figure.convergence(self, title)

    def to_xarray(self):
        """An `xarray.Dataset` over size, sample and time; the scenario and the finer level's run are attributes of it."""
        runs = {
            "y": (("size", "sample", "time", "coordinate"), self.y),
            "v": (("size", "sample", "time", "coordinate"), self.v),
            "force": (("size", "sample", "time", "point", "q"), self.force),
            "wassersteins": (("size", "sample", "population_time"), self.wassersteins),
            "bias": (("size",), self.bias),
            "reference_y": (("time", "coordinate"), self.reference.y),
            "reference_v": (("time", "coordinate"), self.reference.v),
            "reference_force": (("time", "point", "q"), self.reference.force),
        }
        runs |= {f"errors_{name}": (("size", "sample"), values) for name, values in self.errors.items()}
        about = {
            "title": "myoscale: convergence of a level",
            "myoscale_version": importlib.metadata.version("myoscale"),
            "reference": self.reference.scenario.level.label,
            "interrupted": int(self.interrupted),
        }
        dataset = store.to_dataset(runs, about, scenario=self.scenario)
        return dataset.assign_coords(size=list(self.sizes), time=self.ts, population_time=self.when)

    def save(self, path: str | Path) -> Path:
        """Write `to_xarray()` as a NetCDF file, whole or not at all.

        **Raises:** `InputError` if it cannot be written there.
        """
        return store.write(self.to_xarray(), path)


def _fit(sizes: tuple[int, ...], errors: Array, floor: float, expected: Expected) -> Rate:
    """The rate over the sizes that have been computed."""
    there: Any = np.isfinite(errors).any(axis=1)
    rate = fit(np.asarray(sizes)[there], errors[there], floor, expected)
    used = iter(rate.used)
    return dataclasses.replace(rate, used=tuple(next(used) if found else False for found in there))


def _mean(values: Array) -> Array:
    """Over samples; NaN where there are none."""
    count = np.isfinite(values).sum(1)
    return np.where(count, np.nansum(values, 1) / np.maximum(count, 1), np.nan)


def _number(value: Any) -> str:
    return "-" if math.isnan(value) else f"{value:.1e}"
