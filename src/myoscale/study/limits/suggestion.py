"""What `suggest` found: candidates with error and cost, the choice, and whether a verification bears it out."""

import dataclasses
import importlib.metadata
import math
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ... import store
from ...levels import AbstractLevel
from ...solution import Scenario
from ...types import Array
from . import figure_suggest

_WIDTH = 110
TIE = 0.2  # a part of a cost that is no difference: runs vary by that much from one time to the next


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A level at one size.

    **Attributes:** `level`; `error`, the predicted distance of the observable to the limit (for `random` ones what chance exceeds with
    1 − `chance`); `cost`, seconds of a run without compiling, and `compile`, seconds before the first, 0 if not run; `known`, how the error was
    found; `meets`, whether the tolerance is met; `smaller`, the level a size step smaller, None if there is none.
    """

    level: AbstractLevel
    error: float
    cost: float
    compile: float
    known: str
    meets: bool
    smaller: AbstractLevel | None = None
    random: bool = False


@dataclasses.dataclass(frozen=True)
class Tried:
    """Pilots of a level: `sizes` (K,) and `errors` (K,)."""

    sizes: Array
    errors: Array

    @property
    def envelope(self) -> Array:
        """The greatest error of each size and all larger ones, which no accident makes small."""
        return np.maximum.accumulate(self.errors[::-1])[::-1]

    def first(self, good: Callable[[float], bool]) -> int | None:
        """Which size is the smallest whose envelope is good."""
        return next((k for k, error in enumerate(self.envelope) if good(float(error))), None)


@dataclasses.dataclass(frozen=True)
class Verified:
    """The choice and the next cheaper one beside a finer reference: distances and seconds, timed in turn.

    **Attributes:** `value`, the finer reference's; `error`, `cost` of the choice; `against`, the next cheaper level, None if there is none, with
    `next_error`, `next_cost`; `share`, of `samples` runs of a random choice those that are within, NaN if it is not random. Errors of random
    levels are quantiles of samples.
    """

    value: float
    error: float
    cost: float
    against: AbstractLevel | None
    next_error: float
    next_cost: float
    share: float
    samples: int


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """The cheapest level whose observable is within a tolerance of the limit; `print` shows all candidates.

    **Attributes:** `scenario`, that of the reference; `observable`, its name, `value`, in the limit, and `sure`, how sure that is; `within`;
    `chance`; `candidates`, the cheapest first; `excluded`, names and reasons; `tried`, pilots by name; `compile`, seconds of compiling in the
    pilots; `verified`, None unless asked for.
    """

    scenario: Scenario
    observable: str
    value: float
    sure: float
    within: float
    chance: float
    candidates: tuple[Candidate, ...]
    excluded: tuple[tuple[str, str], ...]
    tried: Mapping[str, Tried]
    compile: float
    verified: Verified | None = None
    units: Mapping[str, str] | None = None

    @property
    def choice(self) -> Candidate | None:
        """The cheapest that meets the tolerance; of those as cheap but for a fifth, the one with the least error. None if none does."""
        good = [one for one in self.candidates if one.meets and math.isfinite(one.cost)]
        least = min((one.cost for one in good), default=math.nan)
        return min((one for one in good if one.cost <= (1 + TIE) * least), key=lambda one: one.error, default=None)

    @property
    def next_cheaper(self) -> AbstractLevel | None:
        """The choice a size step smaller; or, where it has no size, the dearest of the candidates that are cheaper. None if there is none."""
        choice = self.choice
        if choice is None or choice.smaller is not None:
            return None if choice is None else choice.smaller
        cheaper = [one for one in self.candidates if one.cost < choice.cost]
        return max(cheaper, key=lambda one: one.cost).level if cheaper else None

    @property
    def right(self) -> bool | None:
        """Whether the choice meets the tolerance, and the next cheaper one does not or is no faster (by a fifth); None if not verified."""
        seen = self.verified
        if seen is None or self.choice is None:
            return None
        if math.isnan(seen.share):
            met = seen.error <= self.within
        else:
            met = seen.share >= self.chance - 2 * math.sqrt(self.chance * (1 - self.chance) / seen.samples)
        fails = seen.against is None or not seen.next_error <= self.within
        return met and (fails or seen.next_cost > (1 - TIE) * seen.cost)

    @property
    def headline(self) -> str:
        """One sentence: the limit, and the cheapest level that is near enough to it."""
        choice = self.choice
        found = (
            f"{choice.level.label}: error {choice.error:.1e}, {_seconds(choice.cost)} a run"
            if choice
            else "none of these"
        )
        return (
            f"{self.observable} = {self.value:.10g} in the limit of many bridges, sure to {self.sure:.1e}. Within {self.within:g} of it, cheapest is "
            f"{found}."
        )

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = _WIDTH) -> str:
        """As `print(found)`, for a terminal of `width` columns."""
        lines = [
            textwrap.fill(self.headline, width, subsequent_indent="  "),
            "",
            f"{'level':<36}{'error':>9}{'time':>10}  {'meets':<7}how known",
        ]
        for one in self.candidates:
            meets = "yes" if one.meets else "no"
            lines.append(f"{one.level.label:<36}{one.error:>9.1e}{_seconds(one.cost):>10}  {meets:<7}{one.known}")
        tolerance = self.scenario.tolerance
        notes = [f"{name}: {why}" for name, why in self.excluded]
        notes += [
            f"Error: distance to the limit of many bridges, which is the truth here; a muscle of N real bridges differs from it by chance. Of levels "
            f"that draw at random, what is exceeded in {1 - self.chance:.0%} of all runs. Reference: {self.scenario.level.label}; runs at tolerance {tolerance:g}.",
            f"Time: of a run without compiling, best of a few; within {TIE:.0%} is the same, and the smaller error decides. Compiling took "
            f"{self.compile:.0f} s in the pilots together, and some seconds for each new level and size.",
        ]
        if self.verified is not None:
            notes.append(self._verdict(self.verified))
        return "\n".join([*lines, "", *(textwrap.fill(note, width, subsequent_indent="  ") for note in notes)])

    def _verdict(self, seen: Verified) -> str:
        text = f"{'Right' if self.right else '! Wrong'}: against a finer reference the choice is off by {seen.error:.1e} in {_seconds(seen.cost)}"
        if not math.isnan(seen.share):
            text += f", and {seen.share:.0%} of {seen.samples} runs are within"
        if seen.against is None:
            return text + "; nothing is cheaper."
        return (
            text + f"; {seen.against.label}, the next cheaper, by {seen.next_error:.1e} in {_seconds(seen.next_cost)}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, for JSON."""
        seen = self.verified
        return {
            "myoscale": importlib.metadata.version("myoscale"),
            "observable": self.observable,
            "value": self.value,
            "sure": self.sure,
            "within": self.within,
            "chance": self.chance,
            "reference": self.scenario.level.label,
            "tolerance": float(self.scenario.tolerance),
            "choice": None if self.choice is None else self.choice.level.label,
            "next_cheaper": None if self.next_cheaper is None else self.next_cheaper.label,
            "candidates": [
                {
                    "level": one.level.label,
                    "error": one.error,
                    "cost": one.cost,
                    "compile": one.compile,
                    "known": one.known,
                    "meets": one.meets,
                }
                for one in self.candidates
            ],
            "excluded": dict(self.excluded),
            "verified": None
            if seen is None
            else {
                "right": self.right,
                "value": seen.value,
                "error": seen.error,
                "cost": seen.cost,
                "next_error": seen.next_error,
                "next_cost": seen.next_cost,
                "share": seen.share,
            },
        }

    def figure(self, title: str = ""):
        """A matplotlib `Figure` without global state: errors over cost with the choice, and the pilots' errors over size."""
        return figure_suggest.suggestion(self, title)

    def to_xarray(self):
        """An `xarray.Dataset` over candidates; pilots by name, and the scenario as an attribute."""
        each = lambda name, kind: (("candidate",), np.array([getattr(one, name) for one in self.candidates], kind))
        variables = {name: each(name, float) for name in ("error", "cost", "compile")}
        variables |= {"meets": each("meets", np.int8), "known": each("known", object)}
        for name, tried in self.tried.items():
            variables |= {
                f"{name}_sizes": ((f"{name}_size",), tried.sizes),
                f"{name}_errors": ((f"{name}_size",), tried.errors),
            }
        about = {
            "title": "myoscale: the cheapest level within a tolerance",
            "myoscale_version": importlib.metadata.version("myoscale"),
            "observable": self.observable,
            "choice": "" if self.choice is None else self.choice.level.label,
        }
        about |= {name: getattr(self, name) for name in ("value", "sure", "within", "chance")}
        data = store.to_dataset(variables, about, scenario=self.scenario)
        return data.assign_coords(candidate=[one.level.label for one in self.candidates])

    def save(self, path: str | Path) -> Path:
        """Write `to_xarray()` as a NetCDF file, whole or not at all.

        **Raises:** `InputError` if it cannot be written there.
        """
        return store.write(self.to_xarray(), path)


def _seconds(cost: float) -> str:
    if not math.isfinite(cost):
        return "-"
    return f"{1e3 * cost:.3g} ms" if cost < 1 else f"{cost:.3g} s"
