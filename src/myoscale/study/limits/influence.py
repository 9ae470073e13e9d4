"""What `fluctuation` found: an observable, how much each bridge matters to it, and how far chance takes it."""

import dataclasses
import importlib.metadata
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import chi2, norm

from ... import store
from ...model import AbstractLaw
from ...solution import Scenario
from ...types import Array
from . import figure
from .rates import LEVEL

_WIDTH = 110
_SIZES = (16, 64, 256, 1024, 4096)
_SHOWN = 3.5  # standard deviations of the law within which single bridges are looked at


class Influential(NamedTuple):
    """A bridge: at which point of the tissue, where it starts, and φ − ∫φ dμ there."""

    point: int
    x: tuple[float, ...]
    influence: float


@dataclasses.dataclass(frozen=True)
class Verified:
    """An observable over samples of N random bridges: `values` (S,)."""

    n: int
    values: Array

    @property
    def variance(self) -> float:
        """Over the samples that came to their end."""
        return float(np.var(self.values[np.isfinite(self.values)], ddof=1))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the variance; by the fourth moment, since an observable need not be normal."""
        values = self.values[np.isfinite(self.values)]
        count, square = len(values), (values - values.mean()) ** 2
        if count < 30:
            low, high = (float(chi2.ppf(p, count - 1)) for p in ((1 + LEVEL) / 2, (1 - LEVEL) / 2))
            return (count - 1) * self.variance / low, (count - 1) * self.variance / high
        half = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt(float(np.var(square)) / count)
        return self.variance - half, self.variance + half


@dataclasses.dataclass(frozen=True)
class Fluctuation:
    """The influence of bridges on an observable; `print` shows what follows from it.

    **Attributes:** `scenario`, the mean-field run; `observable`, its name, and `value` there; `x` (P, K, nx), `w` (P, K), `phi` (P, K): nodes of
    the law, or the given points, with weights and φ, which is known up to a constant at each point of the tissue; `wall`, `compile` in s of the
    adjoint pass; `verified`, None where no samples were asked for.
    """

    scenario: Scenario
    observable: str
    value: float
    x: Array
    w: Array
    phi: Array
    wall: float
    compile: float
    verified: Verified | None = None
    units: Mapping[str, str] | None = None

    @property
    def influence(self) -> Array:
        """φ − ∫φ dμ, (P, K)."""
        return self.phi - np.sum(self.w * self.phi, axis=1, keepdims=True)

    @property
    def spread(self) -> float:
        """Var_μ(φ), summed over the points of the tissue: N Var J_N."""
        return float(np.sum(self.w * self.influence**2))

    def variance(self, n: int | float | None = None, weights: Any = None) -> float:
        """Var J_N for N bridges a point, or for bridges of given `weights` (N,): Σ w_i² in the place of 1/N."""
        share = 1 / n if n is not None else float(np.sum(np.asarray(weights) ** 2))
        return self.spread * share

    def std(self, n: int | float) -> float:
        """How far J_N is from J, typically."""
        return math.sqrt(self.variance(n))

    def needed(self, error: float) -> int:
        """The N whose J_N is within `error` of J in 95 % of all cases."""
        return max(1, math.ceil(self.spread * (float(norm.ppf((1 + LEVEL) / 2)) / error) ** 2))

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """Observed over predicted variance with its 95 % confidence interval; None without samples."""
        if self.verified is None:
            return None
        predicted = self.variance(self.verified.n)
        low, high = self.verified.interval
        return self.verified.variance / predicted, low / predicted, high / predicted

    def influential(self, count: int = 5) -> list[Influential]:
        """The bridges that matter most: of a law, nodes within 3.5 standard deviations; of given points, those with the greatest share."""
        law = isinstance(self.scenario.start.x, AbstractLaw)
        mean = np.sum(self.w[..., None] * self.x, axis=1, keepdims=True)
        std = np.sqrt(np.sum(self.w[..., None] * (self.x - mean) ** 2, axis=1, keepdims=True))
        usual = np.all(np.abs(self.x - mean) <= _SHOWN * std, axis=-1) | (not law)
        height = np.abs(self.influence) * np.where(usual, 1.0 if law else self.w * self.w.shape[1], 0.0)
        order = np.argsort(-height, axis=None)[:count]
        places = [np.unravel_index(int(k), height.shape) for k in order]
        return [
            Influential(int(p), tuple(map(float, self.x[p, i])), float(self.influence[p, i]))
            for p, i in places
            if height[p, i] > 0
        ]

    @property
    def headline(self) -> str:
        """One sentence: the observable, and how far chance takes it."""
        return f"{self.observable} = {self.value:.8g} in the limit of many bridges; of N random ones it scatters by {math.sqrt(self.spread):.4g}/√N."

    def _named(self) -> list[Influential]:
        """Of a law the two at the ends, which have many much the same beside them; of given points some."""
        if not isinstance(self.scenario.start.x, AbstractLaw):
            return self.influential()
        every = self.influential(self.x.shape[0] * self.x.shape[1])
        ends = max(every, key=lambda one: one.influence), min(every, key=lambda one: one.influence)
        return [one for one in ends if one.influence]

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = _WIDTH) -> str:
        """As `print(found)`, for a terminal of `width` columns."""
        lines = [self.headline, ""]
        lines.append(f"{'bridges':>10}{'standard deviation':>22}")
        lines += [f"{n:>10}{self.std(n):>22.3g}" for n in _SIZES]
        lines += ["", "The bridges that matter most:"]
        for one in self._named():
            x = ", ".join(f"{c:.4g}" for c in one.x)
            where = f" at point {one.point}" if len(self.x) > 1 else ""
            lines.append(f"  {one.influence:+.3g} for each unit of weight of those that start at x = {x}{where}")
        notes = [
            f"One adjoint pass through {self.scenario.level.label}: {self.wall:.2f} s, and {self.compile:.1f} s to compile. "
            "Var ≈ Var φ/N, to first order in 1/N (theory.md section 6)."
        ]
        if self.verified is not None and (ratio := self.ratio) is not None:
            values = self.verified.values[np.isfinite(self.verified.values)]
            lost = len(self.verified.values) - len(values)
            notes.append(
                f"{len(values)} runs of {self.verified.n} random bridges: mean {np.mean(values):.8g}, variance {ratio[0]:.3f} of the predicted one "
                f"(95 % interval {ratio[1]:.3f} to {ratio[2]:.3f})."
                + (f" {lost} stopped and are left out." if lost else "")
            )
        return "\n".join([*lines, "", *(textwrap.fill(note, width, subsequent_indent="  ") for note in notes)])

    def figure(self, title: str = ""):
        """A matplotlib `Figure` without global state: the influence over the law, and how the observable scatters."""
        return figure.influence(self, title)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, for JSON."""
        ratio = self.ratio
        return {
            "myoscale": importlib.metadata.version("myoscale"),
            "level": self.scenario.level.label,
            "observable": self.observable,
            "value": self.value,
            "spread": self.spread,
            "standard_deviation": {str(n): self.std(n) for n in _SIZES},
            "influential": [
                {"point": one.point, "x": list(one.x), "influence": one.influence} for one in self.influential()
            ],
            "verified": None
            if ratio is None or self.verified is None
            else {
                "n": self.verified.n,
                "samples": len(self.verified.values),
                "ratio": ratio[0],
                "interval": list(ratio[1:]),
            },
            "wall": self.wall,
            "compile": self.compile,
        }

    def to_xarray(self):
        """An `xarray.Dataset` over point and node; the scenario is an attribute."""
        variables = {
            "x": (("point", "node", "component"), self.x),
            "weight": (("point", "node"), self.w),
            "influence": (("point", "node"), self.influence),
        }
        if self.verified is not None:
            variables["samples"] = (("sample",), self.verified.values)
        about = {
            "title": "myoscale: influence of bridges on an observable",
            "myoscale_version": importlib.metadata.version("myoscale"),
            "observable": self.observable,
            "value": self.value,
            "spread": self.spread,
        }
        about |= {} if self.verified is None else {"samples_of": self.verified.n}
        return store.to_dataset(variables, about, scenario=self.scenario)

    def save(self, path: str | Path) -> Path:
        """Write `to_xarray()` as a NetCDF file, whole or not at all.

        **Raises:** `InputError` if it cannot be written there.
        """
        return store.write(self.to_xarray(), path)
