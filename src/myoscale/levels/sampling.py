"""How particles are drawn from a law: what levels of individual bridges share."""

import enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from ..citations import ROSENBLATT_1952, SOBOL_POINTS, Citation
from ..errors import InputError, nearest
from ..model import AbstractLaw, Start
from ..types import Array
from .base import need_memory


class Sampling(enum.StrEnum):
    """How particles are drawn from a law."""

    RANDOM = "random"  # independent draws: W₁ and y converge like N^{-1/2} (nx = 1)
    QUANTILE = "quantile"  # midpoints of N equal shares of mass, nx = 1: like N^{-1}
    SOBOL = "sobol"  # scrambled Sobol points: observables like N^{-1} up to logarithms


def as_sampling(name: str, n: Any, sampling: Sampling | str) -> tuple[int | None, Sampling]:
    """`n` and `sampling` of a level, as a whole number and a `Sampling`.

    **Raises:** `InputError` for n < 1 or an unknown sampling.
    """
    if n is not None and (not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1):
        raise InputError(f"{name} expected n, a whole number of particles ≥ 1. Received {n!r}.")
    try:
        return None if n is None else int(n), Sampling(sampling)
    except ValueError:
        raise InputError(
            f"{name} does not know the sampling '{sampling}': {nearest(str(sampling), list(Sampling))}"
        ) from None


def check_particles(level: Any, start: Start) -> None:
    """Raise `InputError` unless the level can draw its particles: points fix n, quantiles are of one variable."""
    name = type(level).__name__
    if isinstance(start.x, AbstractLaw):
        if level.n is None:
            raise InputError(
                f"{name} expected n, the number of particles to draw from Start.x. Received none: say {name}(1_000)."
            )
        if level.sampling is Sampling.QUANTILE and start.nx > 1:
            raise InputError(f"Sampling by quantiles is for nx = 1. Received nx = {start.nx}: use sampling='sobol'.")
        need_memory(level, 3.0 * start.nx * level.n)
        return
    assert start.x is not None
    given = np.shape(start.x)[-2] if np.ndim(start.x) > 1 else np.shape(start.x)[0]
    if level.n not in (None, given):
        raise InputError(
            f"{name}({level.n}) does not fit the {given} points that Start.x gives: say {name}(), or give a law to draw from."
        )


def cites_sampling(sampling: Sampling, start: Start) -> tuple[Citation, ...]:
    """Where the sampling was published."""
    sobol = sampling is Sampling.SOBOL and isinstance(start.x, AbstractLaw)
    return (ROSENBLATT_1952, *SOBOL_POINTS) if sobol else ()


def draw(level: Any, start: Start, points: int, key: Array, seed: int) -> tuple[Array, Array | None]:
    """Extensions (P, N, nx) drawn from the start's law, or given by it, and their weights (P, N), None if all are equal."""
    if not isinstance(start.x, AbstractLaw):
        x, w = start.points(points)
        return x, None if start.weights is None else w
    law, n = start.x, level.n or 0
    more = start.velocity.dim if isinstance(start.velocity, AbstractLaw) else 0
    if level.sampling is Sampling.RANDOM:
        return jnp.stack([draw_law(law, k, n) for k in jax.random.split(key, points)]), None
    if level.sampling is Sampling.QUANTILE:
        return jnp.broadcast_to(law.transform((np.arange(n)[:, None] + 0.5) / n), (points, n, 1)), None
    return jnp.stack([law.transform(_sobol(n, law.dim + more, seed + p)[:, : law.dim]) for p in range(points)]), None


def draw_velocities(level: Any, start: Start, x: Array, key: Array, seed: int) -> Array:
    """Velocities for extensions x that `draw` made of the same key and seed, before they are projected on the constraint."""
    law = start.velocity
    if not isinstance(law, AbstractLaw):
        return start.velocities(x)
    points, n, _ = x.shape
    if level.sampling is Sampling.SOBOL and isinstance(start.x, AbstractLaw):
        first = start.x.dim
        return jnp.stack([law.transform(_sobol(n, first + law.dim, seed + p)[:, first:]) for p in range(points)])
    return jnp.stack([draw_law(law, k, n) for k in jax.random.split(jax.random.fold_in(key, 2), points)])


_BLOCK = 2**20  # draws at a time, so that their temporaries stay small beside the particles


def draw_law(law: AbstractLaw, key: jax.Array, n: int) -> jax.Array:
    """n independent draws."""
    blocks = -(-n // _BLOCK)
    if blocks == 1:
        return law.sample(key, n)
    size = -(-n // blocks)
    return jax.lax.map(lambda k: law.sample(k, size), jax.random.split(key, blocks)).reshape(-1, law.nx)[:n]


def _sobol(n: int, dim: int, seed: int) -> np.ndarray:
    """n scrambled Sobol points inside the open unit cube."""
    cube = qmc.Sobol(dim, rng=np.random.default_rng(seed)).random_base2(int(np.ceil(np.log2(n))) if n > 1 else 0)[:n]
    return np.clip(cube, 2.0**-54, 1.0 - 2.0**-53)
