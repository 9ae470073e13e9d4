"""How fast errors fall with a size: the fitted rate, how sure it is, and what theory expects (theory.md section 6).

    log e_k = a + r log N_k + noise of variance σ²,       e_k the root of the mean square error over the samples of size N_k.

σ comes from how samples of one size differ. Where the points scatter about the line by more than that, because a rate is not yet reached,
the interval is widened to what they show; errors that are not random have nothing but that. It is an interval of confidence for the slope of
these errors over these sizes; an asymptotic rate may lie outside where sizes are too small for it.
"""

import dataclasses
import math

import numpy as np
from scipy.stats import norm, t

from ...citations import FOURNIER_GUILLIN_2015, PLUNDER_SIMEON_2023
from ...levels import AbstractLevel, Characteristics, Constrained, Kinetic, Reduced, Sampling
from ...model import AbstractLaw, Start
from ...types import Array

LEVEL = 0.95  # of confidence
NEAR = 0.07  # a rate this near to the expected one agrees with it, however sure it is
FEWEST = 3  # sizes, for a rate and a spread about it
QUANTITIES = {"y": "y", "v": "ẏ", "force": "force", "wasserstein": "W₁"}
_BY_CHANCE = f"N^(-1/2): the law of large numbers, carried by a stable flow ({PLUNDER_SIMEON_2023.text})"


@dataclasses.dataclass(frozen=True)
class Expected:
    """What theory says of a rate: the exponent, None where it says nothing, and the source; or only that errors fall `at_least` so fast."""

    exponent: float | None
    source: str
    at_least: bool = False


@dataclasses.dataclass(frozen=True)
class Rate:
    """A fitted exponent of the size.

    **Attributes:** `exponent`, with `low` and `high`, the ends of its 95 % confidence interval; NaN where errors are too small to tell; `used`,
    which sizes were; `expected`.
    """

    exponent: float
    low: float
    high: float
    used: tuple[bool, ...]
    expected: Expected

    @property
    def verdict(self) -> str:
        """One word or two: does the rate agree with theory?"""
        wanted = self.expected.exponent
        if math.isnan(self.exponent):
            return "below the tolerance"
        if wanted is None:
            return "no rate in theory"
        near = max(NEAR, (self.high - self.low) / 2)
        if abs(self.exponent - wanted) <= near or (self.expected.at_least and self.exponent < wanted):
            return "as expected"
        return "faster than expected" if self.exponent < wanted else "slower than expected"


def fit(sizes: Array, errors: Array, floor: float, expected: Expected) -> Rate:
    """The rate of errors (K, S) of S samples at K sizes; sizes whose errors are below `floor` on average are left out.

    A size's error is the root of the mean square over samples, which is what a variance predicts; NaN stands for a sample that is missing.
    """
    square = np.nanmean(errors**2, axis=1)
    count = np.sum(np.isfinite(errors), axis=1)
    used = np.sqrt(square) > floor
    nothing = Rate(math.nan, math.nan, math.nan, tuple(map(bool, used)), expected)
    if used.sum() < FEWEST:
        return nothing
    x, y = np.log(np.asarray(sizes, float)[used]), np.log(square[used]) / 2
    x = x - x.mean()
    lever = float(x @ x)
    slope = float(x @ y) / lever
    scatter = float(np.sum((y - y.mean() - slope * x) ** 2)) / (len(x) - 2)
    if (count[used] > 1).all() and (known := _variance(errors[used], square[used], count[used])) > 0:
        half = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt(max(known, scatter) / lever)
    else:
        half = float(t.ppf((1 + LEVEL) / 2, len(x) - 2)) * math.sqrt(scatter / lever)
    return Rate(slope, slope - half, slope + half, nothing.used, expected)


def _variance(errors: Array, square: Array, count: Array) -> float:
    """σ²: by the delta method, one for all sizes, since an error's law keeps its shape while it shrinks and single estimates would be poor weights."""
    return float(np.mean(np.nanvar(errors**2, axis=1, ddof=1) / (4 * square**2 * count)))


def expectation(level: AbstractLevel, what: str, start: Start, cycles: bool, sizes: Array) -> Expected:
    """What theory says of the error in `what` (a key of `QUANTITIES`) of a level over sizes; a logarithm counts by its slope there."""
    nx = start.nx
    if isinstance(level, Reduced | Constrained):
        if level.sampling is Sampling.RANDOM:
            if what != "wasserstein" or nx == 1:
                return Expected(-0.5, _BY_CHANCE)
            if nx == 2:
                return Expected(
                    -0.5 + _of_root_log(sizes), f"N^(-1/2) √log N over these sizes: {FOURNIER_GUILLIN_2015.text}"
                )
            return Expected(-1 / nx, f"N^(-1/{nx}): {FOURNIER_GUILLIN_2015.text}")
        if what != "wasserstein":
            return Expected(-1.0, "N^(-1) up to logarithms, or faster: points that fill the law evenly", at_least=True)
        if nx > 1:
            return Expected(-1 / nx, f"N^(-1/{nx}): no N points are closer to a density")
        if isinstance(start.x, AbstractLaw) and _unbounded(start.x):
            return Expected(
                -1.0 + _of_root_log(sizes),
                "√log N/N over these sizes: quantiles of a law with the tails of a normal one",
            )
        return Expected(-1.0, "N^(-1): quantiles of a law of bounded support")
    if isinstance(level, Kinetic) and not cycles:
        return Expected(-4.0, "cells^(-4) or faster: finite volumes of fourth order and more", at_least=True)
    if isinstance(level, Characteristics) and not cycles:
        return Expected(None, "faster than any power, where the law and the model are smooth")
    return Expected(None, "none: how steps and cells share the error depends on the rates")


def _of_root_log(sizes: Array) -> float:
    """The slope of √log N over sizes, in log N."""
    n = np.log(np.asarray(sizes, float))
    return 0.5 * float(np.polyfit(n, np.log(np.maximum(n, 0.1)), 1)[0])


def _unbounded(law: AbstractLaw) -> bool:
    """Whether there is always more of it further out."""
    return bool(np.any(np.asarray(law.window(16.0)[1]) > np.asarray(law.window(8.0)[1])))
