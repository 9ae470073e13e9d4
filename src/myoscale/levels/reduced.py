"""The macro–micro ODE: N particles on their constraint, multipliers eliminated (theory.md section 3)."""

import enum
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from ..citations import PLUNDER_SIMEON_2023, ROSENBLATT_1952, SOBOL_POINTS
from ..errors import InputError, nearest
from ..model import AbstractLaw, scheme_of
from ..population import Heads
from .base import AbstractPointLevel, begin_cycling, begin_points, check_steps, cycling_label, need_memory, plain


class Sampling(enum.StrEnum):
    """How particles are drawn from a law."""

    RANDOM = "random"  # independent draws: W₁ and y converge like N^{-1/2} (nx = 1)
    QUANTILE = "quantile"  # midpoints of N equal shares of mass, nx = 1: like N^{-1}
    SOBOL = "sobol"  # scrambled Sobol points: observables like N^{-1} up to logarithms


class Reduced(AbstractPointLevel):
    """N weighted particles at each point of the tissue, drawn from the start's law or given by it.

    **Arguments:** `n`: number of particles a point; left out if the start gives points. `sampling`: `Sampling.RANDOM`, `QUANTILE`
    (nx = 1) or `SOBOL`, or its name.

    **Raises:** `InputError` for n < 1 or an unknown sampling.
    """

    name: ClassVar[str] = "reduced"

    n: int | None = eqx.field(static=True, default=None)
    sampling: Sampling = eqx.field(static=True, default=Sampling.RANDOM)
    dt: float | None = eqx.field(static=True, default=None, converter=plain)

    def __init__(self, n: int | None = None, sampling: Sampling | str = Sampling.RANDOM, dt: float | None = None):
        if n is not None and (not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1):
            raise InputError(f"Reduced expected n, a whole number of particles ≥ 1. Received {n!r}.")
        try:
            self.sampling = Sampling(sampling)
        except ValueError:
            raise InputError(
                f"Reduced does not know the sampling '{sampling}': {nearest(str(sampling), list(Sampling))}"
            ) from None
        self.n = None if n is None else int(n)
        self.dt = dt
        check_steps(self)

    @property
    def label(self):
        """`reduced:n`."""
        sampling = "" if self.sampling is Sampling.RANDOM else f",sampling={self.sampling}"
        return self.name + ("" if self.n is None else f":{self.n}") + sampling + cycling_label(self)

    def cites(self, start):
        """The particle system, and how it is sampled."""
        sobol = self.sampling is Sampling.SOBOL and isinstance(start.x, AbstractLaw)
        return (PLUNDER_SIMEON_2023, *((ROSENBLATT_1952, *SOBOL_POINTS) if sobol else ()))

    def check_cycling(self, start, scheme):
        """A number of heads, drawn at random."""
        if self.n is None or self.sampling is not Sampling.RANDOM:
            raise InputError(
                f"Reduced expected n, a number of heads, drawn at random, for cycling bridges. Received {self.label}: say Reduced(1_000)."
            )
        need_memory(self, 20.0 * self.n)

    def check(self, start):
        """Points fix n; quantiles are of one variable."""
        if isinstance(start.x, AbstractLaw):
            if self.n is None:
                raise InputError(
                    "Reduced expected n, the number of particles to draw from Start.x. Received none: say Reduced(1_000)."
                )
            if self.sampling is Sampling.QUANTILE and start.nx > 1:
                raise InputError(
                    f"Sampling by quantiles is for nx = 1. Received nx = {start.nx}: use sampling='sobol'."
                )
            need_memory(self, 3.0 * start.nx * self.n)
            return
        assert start.x is not None
        given = np.shape(start.x)[-2] if np.ndim(start.x) > 1 else np.shape(start.x)[0]
        if self.n not in (None, given):
            raise InputError(
                f"Reduced({self.n}) does not fit the {given} points that Start.x gives: say Reduced(), or give a law to draw from."
            )

    def begin(self, model, start, q, key, seed):
        """Label the particles; of cycling bridges, heads that jump."""
        if scheme_of(model.bridge) is None:
            return begin_points(self, model, start, q, key, seed)
        return begin_cycling(Heads(self.n or 0), model, start, q, jax.random.split(key, q.shape[0]))

    def points(self, start, points, key, seed):
        """Draw the particles, or take those that the start gives."""
        if not isinstance(start.x, AbstractLaw):
            x, w = start.points(points)
            return x, None if start.weights is None else w
        law, n = start.x, self.n or 0
        if self.sampling is Sampling.RANDOM:
            return jnp.stack([_draw(law, k, n) for k in jax.random.split(key, points)]), None
        if self.sampling is Sampling.QUANTILE:
            return jnp.broadcast_to(law.transform((np.arange(n)[:, None] + 0.5) / n), (points, n, 1)), None
        return jnp.stack([law.transform(_sobol(n, law.dim, seed + p)) for p in range(points)]), None


_BLOCK = 2**20  # draws at a time, so that their temporaries stay small beside the particles


def _draw(law: AbstractLaw, key: jax.Array, n: int) -> jax.Array:
    blocks = -(-n // _BLOCK)
    if blocks == 1:
        return law.sample(key, n)
    size = -(-n // blocks)
    return jax.lax.map(lambda k: law.sample(k, size), jax.random.split(key, blocks)).reshape(-1, law.nx)[:n]


def _sobol(n: int, dim: int, seed: int) -> np.ndarray:
    """n scrambled Sobol points inside the open unit cube."""
    cube = qmc.Sobol(dim, rng=np.random.default_rng(seed)).random_base2(int(np.ceil(np.log2(n))) if n > 1 else 0)[:n]
    return np.clip(cube, 2.0**-54, 1.0 - 2.0**-53)
