"""The macro–macro system: mean and covariance of the population, closed by a Gaussian (theory.md section 9)."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..citations import GAUSS_RULES
from ..errors import InputError
from ..model import AbstractLaw
from ..population import Measure, Moments
from .base import AbstractLevel, need_memory

_MOST = 1_000  # nodes an axis


class MomentClosure(AbstractLevel):
    """Two moments and a Gaussian closure, integrals on `nodes` Gauss–Hermite nodes an axis.

    Exact where Φ and F₁ are affine in x (the linear and the element constraint with springs), whatever the law; elsewhere a model.

    **Raises:** `InputError` for fewer than two nodes.
    """

    name: ClassVar[str] = "moments"

    nodes: int = eqx.field(static=True, default=16)

    def __check_init__(self):
        if not isinstance(self.nodes, int | np.integer) or isinstance(self.nodes, bool) or self.nodes < 2:
            raise InputError(f"MomentClosure expected nodes, a whole number ≥ 2 an axis. Received {self.nodes!r}.")

    @property
    def label(self):
        """`moments`."""
        return self.name if self.nodes == 16 else f"{self.name}:{self.nodes}"

    def cites(self, start):
        """The rules."""
        return GAUSS_RULES

    def check(self, start):
        """Every start has two moments."""
        if self.nodes > _MOST:
            raise InputError(
                f"MomentClosure expected at most {_MOST} nodes an axis: Gauss rules gain nothing beyond. Received {self.nodes}."
            )
        need_memory(self, 8.0 * start.nx * float(self.nodes) ** start.nx)

    def begin(self, model, start, q, key, seed):
        """Mean and covariance of the law, or of the points at each point of the tissue."""
        population, count = Moments(int(self.nodes)), q.shape[0]
        if isinstance(start.x, AbstractLaw):
            mean, covariance = (jnp.broadcast_to(a, (count, *a.shape)) for a in (start.x.mean(), start.x.covariance()))
        else:
            measures = jax.vmap(Measure)(*start.points(count))
            mean, covariance = jax.vmap(lambda m: (m.mean, m.covariance))(measures)
        return population, jax.vmap(population.start)(mean, covariance)
