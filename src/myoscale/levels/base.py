"""What a level is: a choice of representation for the bridge population, with its size."""

import abc
import math
import os
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import macro
from ..citations import Citation
from ..errors import InputError
from ..model import AbstractCycling, AbstractLaw, Model, Start
from ..population import AbstractCyclingPopulation, AbstractPopulation, Ensemble, Tied
from ..types import Array, Float, PyTree


class AbstractLevel(eqx.Module):
    """A level of description; `name` is what the shell calls it."""

    name: eqx.AbstractClassVar[str]

    lower_rank: ClassVar[bool] = False  # whether constraints may have fewer rows than x components
    only_cycling: ClassVar[tuple[str, ...]] = ("sites", "dt")  # fields that mean something to cycling bridges alone

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """Name and size, for tables and legends."""

    @abc.abstractmethod
    def cites(self, start: Start) -> tuple[Citation, ...]:
        """Where the method was published, as far as it is used with this start; integrator and libraries aside."""

    @abc.abstractmethod
    def check(self, start: Start) -> None:
        """Raise `InputError` if the level cannot represent this start."""

    def check_cycling(self, start: Start, scheme: AbstractCycling) -> None:
        """Raise `InputError` if the level cannot represent bridges that attach and detach."""
        raise InputError(
            f"{self.label} is for bridges that stay attached. Received cycling ones: use Kinetic, Characteristics or Reduced."
        )

    def check_model(self, model: Model, start: Start) -> None:
        """Raise `InputError` if the level cannot run this model, which has no cycling."""

    def tied(self, model: Model, start: Start) -> Tied | None:
        """How bridges that carry multipliers are moved, where the level moves such."""
        return None

    @abc.abstractmethod
    def begin(
        self, model: Model, start: Start, q: Float[Array, "P nq"], key: Array, seed: int
    ) -> tuple[AbstractPopulation, PyTree]:
        """The representation, and its state at each point of the tissue (leading axis P)."""


def begin_cycling(
    population: AbstractCyclingPopulation, model: Model, start: Start, q: Float[Array, "P nq"], *keys: Array
) -> tuple[AbstractPopulation, PyTree]:
    """A cycling population at each point; heads draw from keys, one a point."""
    law = start.x if isinstance(start.x, AbstractLaw) else None
    share = jnp.asarray(start.attached, float)
    point = lambda bridge, q, *keys: population.start(bridge, q, law, share, *keys)
    return population, macro.over_points(model, point, q, *keys)


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's: what is static must be hashable."""
    return (
        value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim) else value
    )


def check_steps(level: Any) -> None:
    """Raise `InputError` unless the fields that only cycling bridges use make sense."""
    if level.dt is not None and not (isinstance(level.dt, int | float) and math.isfinite(level.dt) and level.dt > 0):
        raise InputError(f"{type(level).__name__} expected dt > 0, a time step. Received {level.dt!r}.")
    sites = getattr(level, "sites", None)
    number = isinstance(sites, int | float) and not isinstance(sites, bool)
    if sites is not None and not (number and (0 < sites < 1 or (1 <= sites <= 1000 and sites == int(sites)))):
        raise InputError(
            f"{type(level).__name__} expected sites, a whole number up to 1000, or a part of one below 1. Received {sites!r}."
        )


def periods_and_span(level: Any) -> tuple[int, float]:
    """How many sites in a row a window holds, and what part of the spacing if that is less than one."""
    sites = 1.0 if level.sites is None else float(level.sites)
    return max(int(sites), 1), min(sites, 1.0)


def cycling_label(level: Any) -> str:
    """The fields that only cycling bridges use, where they are given."""
    return "".join(
        f",{name}={getattr(level, name):g}" for name in ("sites", "dt") if getattr(level, name, None) is not None
    )


class AbstractPointLevel(AbstractLevel):
    """A level whose populations are weighted points on their constraint."""

    @abc.abstractmethod
    def points(self, start: Start, points: int, key: Array, seed: int) -> tuple[Array, Array | None]:
        """Starting extensions (P, N, nx) and weights (P, N), None if all are equal."""

    def places(
        self, start: Start, points: int, key: Array, seed: int
    ) -> tuple[Float[Array, "P N nx"], Float[Array, "P N nx"], Float[Array, "P N"] | None]:
        """Starting extensions, velocities before they are projected on the constraint, and weights."""
        x, w = self.points(start, points, key, seed)
        return x, start.velocities(x), w


def begin_points(
    level: AbstractPointLevel, model: Model, start: Start, q: Float[Array, "P nq"], key: Array, seed: int
) -> tuple[AbstractPopulation, PyTree]:
    """An ensemble whose points are labelled where they start."""
    population = Ensemble()
    x, w = level.points(start, q.shape[0], key, seed)
    w = jnp.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else w
    return population, macro.over_points(model, population.start, x, w, q)


def need_law(level: AbstractLevel, start: Start, remedy: str) -> AbstractLaw:
    """The start's law, or the error that says what to do about bare points."""
    if not isinstance(start.x, AbstractLaw):
        raise InputError(f"{level.label} expected Start.x to be a law of X. Received bare points; {remedy}")
    return start.x


def need_memory(level: AbstractLevel, numbers: float) -> None:
    """Raise `InputError` if so many float64 numbers, a point, cannot fit into this machine: better now than killed later."""
    try:
        have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return
    if 8 * numbers > have:
        raise InputError(
            f"{level.label} needs {8e-9 * numbers:.3g} GB at least, and this machine has {1e-9 * have:.3g}: make it smaller."
        )
