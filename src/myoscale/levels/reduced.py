"""The macro–micro ODE: N particles on their constraint, multipliers eliminated (theory.md section 3)."""

from typing import ClassVar

import equinox as eqx
import jax

from ..citations import PLUNDER_SIMEON_2023
from ..errors import InputError
from ..model import scheme_of
from ..population import Heads
from .base import AbstractPointLevel, begin_cycling, begin_points, check_steps, cycling_label, need_memory, plain
from .sampling import Sampling, as_sampling, check_particles, cites_sampling, draw


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
        self.n, self.sampling = as_sampling("Reduced", n, sampling)
        self.dt = dt
        check_steps(self)

    @property
    def label(self):
        """`reduced:n`."""
        sampling = "" if self.sampling is Sampling.RANDOM else f",sampling={self.sampling}"
        return self.name + ("" if self.n is None else f":{self.n}") + sampling + cycling_label(self)

    def cites(self, start):
        """The particle system, and how it is sampled."""
        return (PLUNDER_SIMEON_2023, *cites_sampling(self.sampling, start))

    def check_cycling(self, start, scheme):
        """A number of heads, drawn at random."""
        if self.n is None or self.sampling is not Sampling.RANDOM:
            raise InputError(
                f"Reduced expected n, a number of heads, drawn at random, for cycling bridges. Received {self.label}: say Reduced(1_000)."
            )
        need_memory(self, 20.0 * self.n)

    def check(self, start):
        """Points fix n; quantiles are of one variable."""
        check_particles(self, start)

    def begin(self, model, start, q, key, seed):
        """Label the particles; of cycling bridges, heads that jump."""
        if scheme_of(model.bridge) is None:
            return begin_points(self, model, start, q, key, seed)
        return begin_cycling(Heads(self.n or 0), model, start, q, jax.random.split(key, q.shape[0]))

    def points(self, start, points, key, seed):
        """Draw the particles, or take those that the start gives."""
        return draw(self, start, points, key, seed)
