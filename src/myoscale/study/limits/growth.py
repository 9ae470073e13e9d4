"""What `stability` found: how far two runs are from each other, what the tangent flow says to that, and the bound of theory."""

import dataclasses
import functools
import importlib.metadata
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import store
from ...model import Start
from ...solution import Scenario
from ...types import Array
from . import figure_stability
from .lipschitz import Lipschitz

_WIDTH = 110
_SMALL = 3e-3  # of the motion, below which differences grow as the tangent flow does
_BOUNDED, _POWER = 0.35, 2.5  # exponents p of growth like t^p between which it is called algebraic
_SHOWN = 9  # times in the table


def _log_bound(constants: Lipschitz, ts: Array, first: float, defect: float = 0.0) -> Array:
    """log of e^{Lt} D(0) + (ε/L)(e^{Lt} − 1): such numbers may not fit into a float."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = constants.L
        return np.where(ts == 0, np.log(first), rate * ts + np.log(first - defect / rate * np.expm1(-rate * ts)))


class Coarser(NamedTuple):
    """A coarser level: ‖Δy‖, ‖Δẏ‖, Σ_p W₁ to the finer run (T, 3), its defect ε, and the constants between both."""

    label: str
    apart: Array
    defect: float
    lipschitz: Lipschitz

    @property
    def measured(self) -> Array:
        """D(t), (T,); NaN where W₁ was not taken."""
        return self.apart.sum(1)

    def log_bound(self, ts: Array) -> Array:
        """log of the bound, (T,)."""
        return _log_bound(self.lipschitz, ts, float(self.measured[0]), self.defect)


@dataclasses.dataclass(frozen=True)
class Growth:
    """Two runs that start close to each other; `print` shows how they part.

    **Attributes:** `scenario` of the first run and the `other` start; `ts` (T,); `y`, `v` (T, ny) of the first; `apart` (T, 3): ‖Δy‖, ‖Δẏ‖
    and Σ_p W₁, the last NaN where it was not taken; of the tangent flow `stretched` (T, 2ny), the logarithms of its lengths by QR,
    `greatest` (T,), log of its greatest singular value, `difference` (T,), log of what becomes of the given difference; `lipschitz`, the
    constants of the bound, sampled with speeds up to `speed`; `coarser`, None where no coarser level was asked for.
    """

    scenario: Scenario
    other: Start
    ts: Array
    y: Array
    v: Array
    apart: Array
    stretched: Array
    greatest: Array
    difference: Array
    lipschitz: Lipschitz
    speed: float
    coarser: Coarser | None = None
    units: Mapping[str, str] | None = None

    @property
    def measured(self) -> Array:
        """D(t) = ‖Δy‖ + ‖Δẏ‖ + Σ_p W₁, (T,); NaN where W₁ was not taken."""
        return self.apart.sum(1)

    @property
    def predicted(self) -> Array:
        """D(t) by the tangent flow, (T,)."""
        return np.exp(self.difference)

    @property
    def log_bound(self) -> Array:
        """log(e^{Lt} D(0)), (T,)."""
        return _log_bound(self.lipschitz, self.ts, float(self.measured[0]))

    @property
    def rates(self) -> Array:
        """Finite-time Lyapunov rates λ_k(t), (T, 2ny), the greatest first; NaN at t = 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return -np.sort(-self.stretched / self.ts[:, None], axis=1)

    @property
    def lyapunov(self) -> float:
        """The largest finite-time Lyapunov rate, log σ₁(t1)/t1."""
        return float(self.greatest[-1] / self.ts[-1])

    @functools.cached_property
    def linear(self) -> Array:
        """Which times belong to the linear regime, (T,): up to where D first exceeds 0.003 of the motion, W₁ known."""
        size = np.linalg.norm(np.ptp(self.y, axis=0)) + np.linalg.norm(np.ptp(self.v, axis=0))
        known = np.isfinite(self.measured)
        large = known & (np.nan_to_num(self.measured) > _SMALL * size)
        return known & (np.cumsum(large) == 0)

    @property
    def growth(self) -> tuple[float, float]:
        """log(D(t)/D(0))/t at the end of the linear regime, measured and by the tangent flow; NaN where there is none."""
        last = int(np.flatnonzero(self.linear)[-1]) if self.linear.any() else 0
        if not last:
            return math.nan, math.nan
        measured = math.log(self.measured[last] / self.measured[0])
        return measured / float(self.ts[last]), float((self.difference[last] - self.difference[0]) / self.ts[last])

    @property
    def disagreement(self) -> float:
        """Greatest |measured/tangent − 1| over the linear regime."""
        use = self.linear
        return float(np.max(np.abs(self.measured[use] / self.predicted[use] - 1))) if use.any() else math.nan

    @property
    def exponent(self) -> float:
        """p of growth like t^p over the second half of the run, from the greatest singular value that was reached so far."""
        reached = np.maximum.accumulate(self.greatest)
        middle = int(np.searchsorted(self.ts, self.ts[-1] / 2))
        return float((reached[-1] - reached[middle]) / math.log(self.ts[-1] / self.ts[middle]))

    @property
    def verdict(self) -> str:
        """ "stable", "algebraic" or "exponential"."""
        return "stable" if self.exponent < _BOUNDED else "algebraic" if self.exponent < _POWER else "exponential"

    @property
    def doubling(self) -> float:
        """How long a difference takes to double, ln 2/λ; infinite unless it grows."""
        return math.log(2) / self.lyapunov if self.lyapunov > 0 else math.inf

    @property
    def violated(self) -> bool:
        """Whether any distance that was measured is above its bound, beyond the integrator's error."""
        slack = 100 * float(self.scenario.tolerance)
        pairs = [(self.measured, self.log_bound)]
        if self.coarser is not None:
            pairs.append((self.coarser.measured, self.coarser.log_bound(self.ts)))
        with np.errstate(over="ignore"):
            return any(bool(np.any(np.nan_to_num(d) > np.exp(log) * (1 + 1e-9) + slack)) for d, log in pairs)

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = _WIDTH) -> str:
        """As `print(found)`, for a terminal of `width` columns."""
        known = np.flatnonzero(np.isfinite(self.measured))
        rows = known[np.unique(np.linspace(0, len(known) - 1, _SHOWN).round().astype(int))]
        lines = [self.headline, ""]
        lines.append(f"{'t':>10}{'measured':>12}{'tangent':>12}{'bound':>12}   D = ‖Δy‖ + ‖Δẏ‖ + Σ W₁")
        lines += [
            f"{self.ts[i]:>10.4g}{self.measured[i]:>12.3g}{_power(self.difference[i]):>12}{_power(self.log_bound[i]):>12}"
            for i in rows
        ]
        parts = " + ".join(
            f"{value:.3g} of {name}" for name, value in zip(("y", "ẏ", "W₁"), self.apart[0], strict=True)
        )
        notes = [f"Measured: two runs of {self.scenario.level.label}, D(0) = {self.measured[0]:.3g}: {parts}."]
        measured, computed = self.growth
        if math.isfinite(measured):
            end = self.ts[self.linear][-1]
            notes[0] += (
                f" While they are close, up to t = {end:.4g}, it grows at the rate log(D/D(0))/t = {measured:+.4g},"
                f" {computed:+.4g} by the tangent flow; D differs from it by {100 * self.disagreement:.2g} % at most."
            )
        rates = ", ".join(f"{rate:+.3g}" for rate in self.rates[-1])
        notes.append(
            f"Computed: tangent flow along the first run. Largest Lyapunov rate log σ₁(t)/t = {self.lyapunov:+.4g} at t = {self.ts[-1]:.4g}; "
            f"all rates {rates}."
        )
        c = self.lipschitz
        notes.append(
            f"Bound: D(0) e^(Lt), L = {c.L:.4g}, estimated from sup |∂a/∂y| {c.Ay:.3g}, |∂a/∂ẏ| {c.Av:.3g}, |∇δa/δμ| {c.Amu:.3g}, and of "
            f"bridges' velocities |∂/∂y| {c.By:.3g}, |∂/∂ẏ| {c.Bv:.3g}, |∂/∂x| {c.Bx:.3g}, sampled between both runs with bridges out to ±7 standard "
            f"deviations and speeds up to {self.speed:.3g}, which the energy allows."
        )
        if not math.isfinite(c.L):
            notes[-1] = "Bound: none. Some constant is not finite where bridges ±7 standard deviations out would be."
        if self.coarser is not None:
            notes.append(self._coarse(self.coarser, rows))
        if self.violated:
            notes.append(
                "! A measured distance is above its bound: the sample missed where the constants are greatest; save more times."
            )
        return "\n".join([*lines, "", *(textwrap.fill(note, width, subsequent_indent="  ") for note in notes)])

    @property
    def headline(self) -> str:
        """One sentence: do differences grow, and how?"""
        if self.verdict == "stable":
            return f"Stable: differences stay bounded up to t = {self.ts[-1]:.4g}."
        if self.verdict == "algebraic":
            return (
                f"Differences grow algebraically, like t^{self.exponent:.2f} over the second half of the run: no chaos."
            )
        return (
            f"Differences grow exponentially, at the rate {self.lyapunov:.4g}: they double in {self.doubling:.4g}. "
            "Chaos, where motion stays bounded."
        )

    def _coarse(self, one: Coarser, rows: Array) -> str:
        bound = one.log_bound(self.ts)
        shown = rows[len(rows) // 3], rows[-1]
        at = "; ".join(f"{one.measured[i]:.3g} at t = {self.ts[i]:.4g}, bound {_power(bound[i])}" for i in shown)
        return (
            f"{one.label}: measured error {one.measured[0]:.3g} at t = 0; {at}. Bound: D(0) e^(Lt) + (ε/L)(e^(Lt) − 1), its defect "
            f"ε = {one.defect:.3g}, L = {one.lipschitz.L:.4g}."
        )

    def figure(self, title: str = ""):
        """A matplotlib `Figure` without global state: D(t) with tangent flow and bound; Lyapunov rates over time."""
        return figure_stability.growth(self, title)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, for JSON; logarithms where numbers may be too large."""
        one = self.coarser
        finite = lambda values: [float(v) if np.isfinite(v) else None for v in values]
        return {
            "myoscale": importlib.metadata.version("myoscale"),
            "level": self.scenario.level.label,
            "verdict": self.verdict,
            "exponent": self.exponent,
            "lyapunov": {"computed": self.lyapunov, "rates": finite(self.rates[-1]), "growth": self.growth[1]},
            "ts": finite(self.ts),
            "measured": {"D": finite(self.measured), "growth": self.growth[0]},
            "tangent": {"log_D": finite(self.difference)},
            "bound": {
                "L": self.lipschitz.L,
                "constants": self.lipschitz._asdict(),
                "speed": self.speed,
                "log_D": finite(self.log_bound),
            },
            "violated": self.violated,
            "coarse": None
            if one is None
            else {
                "level": one.label,
                "defect": one.defect,
                "L": one.lipschitz.L,
                "measured": finite(one.measured),
                "log_bound": finite(one.log_bound(self.ts)),
            },
        }

    def to_xarray(self):
        """An `xarray.Dataset` over time; the scenario is an attribute."""
        variables = {
            "t": (("time",), self.ts),
            "apart": (("time", "part"), self.apart),
            "log_tangent": (("time",), self.difference),
            "log_bound": (("time",), self.log_bound),
            "log_greatest": (("time",), self.greatest),
            "rate": (("time", "direction"), self.rates),
        }
        if self.coarser is not None:
            variables["coarse_apart"] = (("time", "part"), self.coarser.apart)
            variables["coarse_log_bound"] = (("time",), self.coarser.log_bound(self.ts))
        about = {
            "title": "myoscale: growth of the difference of two starts",
            "myoscale_version": importlib.metadata.version("myoscale"),
            "parts": "y, v, W1",
            "L": self.lipschitz.L,
            "lyapunov": self.lyapunov,
            "verdict": self.verdict,
        }
        return store.to_dataset(variables, about, scenario=self.scenario)

    def save(self, path: str | Path) -> Path:
        """Write `to_xarray()` as a NetCDF file, whole or not at all.

        **Raises:** `InputError` if it cannot be written there.
        """
        return store.write(self.to_xarray(), path)


def _power(log: Any) -> str:
    """exp(log), which may not fit into a float."""
    if not math.isfinite(log):
        return "none" if log != -math.inf else "0"
    if abs(log) < 600:
        return f"{math.exp(log):.3g}"
    exponent = math.floor(log / math.log(10))
    return f"{10 ** (log / math.log(10) - exponent):.2f}e{exponent:+d}"
