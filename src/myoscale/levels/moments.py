"""The macro–macro system: a few moments of the population, closed by a Gaussian (theory.md section 9)."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..citations import GAUSS_RULES
from ..errors import InputError
from ..model import AbstractLaw, Availability, scheme_of
from ..population import Distribution, Measure, Moments
from .base import AbstractLevel, begin_cycling, check_steps, cycling_label, need_memory, plain

_MOST = 1_000  # nodes an axis


class MomentClosure(AbstractLevel):
    """Two moments and a Gaussian closure, integrals on `nodes` Gauss–Hermite nodes an axis.

    Exact where Φ and F₁ are affine in x (the linear and the element constraint with springs), whatever the law; elsewhere a model.
    Of cycling bridges it keeps three moments of each attached state (the distribution-moment approximation) and says in
    `Solution.cycling.trusted` how long it can be trusted; `dt` is the time step. Without `watch` it does not say, and costs a sixth.

    **Raises:** `InputError` for fewer than two nodes.
    """

    name: ClassVar[str] = "moments"

    nodes: int = eqx.field(static=True, default=16)
    dt: float | None = eqx.field(static=True, default=None, converter=plain)
    watch: bool = eqx.field(static=True, default=True)

    def __check_init__(self):
        if not isinstance(self.watch, bool):
            raise InputError(f"MomentClosure expected watch to be True or False. Received {self.watch!r}.")
        if not isinstance(self.nodes, int | np.integer) or isinstance(self.nodes, bool) or self.nodes < 2:
            raise InputError(f"MomentClosure expected nodes, a whole number ≥ 2 an axis. Received {self.nodes!r}.")
        check_steps(self)

    @property
    def label(self):
        """`moments`."""
        size = self.name if self.nodes == 16 else f"{self.name}:{self.nodes}"
        return size + cycling_label(self) + ("" if self.watch else ",watch=false")

    def cites(self, start):
        """The rules."""
        return GAUSS_RULES

    def check_cycling(self, start, scheme):
        """One-site availability of one detached state, or a pool of any number."""
        if scheme.availability is not Availability.POOL and scheme.detached > 1:
            raise InputError(
                f"MomentClosure expected heads with one detached state, or detached heads that share one pool. Received "
                f"{type(scheme).__name__} with {scheme.detached} and availability 'sites': say availability='pool', or use Kinetic."
            )

    def check(self, start):
        """Every start has two moments."""
        if self.nodes > _MOST:
            raise InputError(
                f"MomentClosure expected at most {_MOST} nodes an axis: Gauss rules gain nothing beyond. Received {self.nodes}."
            )
        need_memory(self, 8.0 * start.nx * float(self.nodes) ** start.nx)

    def begin(self, model, start, q, key, seed):
        """Mean and covariance of the law, or of the points at each point of the tissue; of cycling bridges, of what is attached."""
        if scheme_of(model.bridge) is not None:
            return begin_cycling(Distribution(int(self.nodes), self.watch), model, start, q)
        population, count = Moments(int(self.nodes)), q.shape[0]
        if isinstance(start.x, AbstractLaw):
            mean, covariance = (jnp.broadcast_to(a, (count, *a.shape)) for a in (start.x.mean(), start.x.covariance()))
        else:
            measures = jax.vmap(Measure)(*start.points(count))
            mean, covariance = jax.vmap(lambda m: (m.mean, m.covariance))(measures)
        return population, jax.vmap(population.start)(mean, covariance)
