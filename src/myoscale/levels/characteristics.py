"""Mean-field characteristics: quadrature nodes of μ^in carried by the flow (theory.md section 5)."""

import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..citations import GAUSS_RULES, PLUNDER_SIMEON_2023
from ..errors import InputError
from ..model import AbstractLaw, scheme_of
from ..model.checks import constraint_rows
from ..population import Sites, Tied
from .base import (
    AbstractPointLevel,
    begin_cycling,
    begin_points,
    check_steps,
    cycling_label,
    need_law,
    need_memory,
    periods_and_span,
    plain,
)
from .steps import need_cells

_MOST = 10_000  # nodes an axis
_ORDER = 4  # nodes in a panel, for cycling bridges
_REMEDY = "use Reduced() to move exactly these points."


class Characteristics(AbstractPointLevel):
    """The mean field on `nodes` Gauss nodes of the start's law, in total; in nx dimensions a number k^nx.

    Spectrally accurate where Φ, F₁ and W₁ are smooth over the law. Of cycling bridges the shares attached on Gauss nodes that move with the heads;
    `sites` and `dt` as in `Kinetic`.

    **Raises:** `InputError` for fewer than two nodes.
    """

    name: ClassVar[str] = "characteristics"
    lower_rank: ClassVar[bool] = True

    nodes: int = eqx.field(static=True)
    sites: float | int | None = eqx.field(static=True, default=None, converter=plain)
    dt: float | None = eqx.field(static=True, default=None, converter=plain)

    def __check_init__(self):
        if not isinstance(self.nodes, int | np.integer) or isinstance(self.nodes, bool) or self.nodes < 2:
            raise InputError(
                f"Characteristics expected nodes, a whole number ≥ 2. Received {self.nodes!r}: 64 is a good start."
            )

        check_steps(self)

    @property
    def label(self):
        """`characteristics:nodes`."""
        return f"{self.name}:{self.nodes}" + cycling_label(self)

    def cites(self, start):
        """The mean-field limit, and the rules."""
        return (PLUNDER_SIMEON_2023, *GAUSS_RULES)

    def check_cycling(self, start, scheme):
        """Memory for the nodes, and nodes for the zone of attachment."""
        need_memory(self, 40.0 * self.nodes)
        need_cells(self, scheme, int(self.nodes))

    def check(self, start):
        """Nodes need a law, and as many as its rule can have."""
        if self.nodes > _MOST**start.nx:
            raise InputError(
                f"Characteristics expected at most {_MOST} nodes an axis: Gauss rules gain nothing beyond. Received {self.nodes}."
            )
        need_memory(self, 8.0 * start.nx * self.nodes)
        law, nodes = need_law(self, start, _REMEDY), int(self.nodes)
        if isinstance(start.velocity, AbstractLaw):
            if math.isqrt(nodes) ** 2 != nodes:
                raise InputError(
                    f"{self.label} expected nodes for X times as many for Ẋ, a square number, with a law of velocities. Received {nodes}: say {math.isqrt(nodes) ** 2}."
                )
            nodes = math.isqrt(nodes)
            start.velocity.nodes(nodes)
        law.nodes(nodes)

    def begin(self, model, start, q, key, seed):
        """Label the nodes; of cycling bridges, Gauss nodes of phases, at each site."""
        if scheme_of(model.bridge) is None:
            return begin_points(self, model, start, q, key, seed)
        periods, span = periods_and_span(self)
        panels = -(-int(self.nodes) // (periods * _ORDER))
        return begin_cycling(Sites(panels * _ORDER, periods, _ORDER, span), model, start, q)

    def tied(self, model, start):
        """Where the constraint has lower rank: nodes of the law of (X, Ẋ)."""
        return None if constraint_rows(model, start) == start.nx else Tied("projected", 8, int(self.nodes))

    def places(self, start, points, key, seed):
        """Every node of X with every node of Ẋ, where the start has a law of velocities."""
        if not isinstance(start.velocity, AbstractLaw):
            return super().places(start, points, key, seed)
        each = math.isqrt(int(self.nodes))
        (x, w), (v, u) = need_law(self, start, _REMEDY).nodes(each), start.velocity.nodes(each)
        everywhere = lambda a: jnp.broadcast_to(a, (points, *a.shape))
        weights = (w[:, None] * u[None]).ravel()
        return everywhere(jnp.repeat(x, each, axis=0)), everywhere(jnp.tile(v, (each, 1))), everywhere(weights)

    def points(self, start, points, key, seed):
        """Nodes and weights of the law, the same at every point."""
        x, w = need_law(self, start, _REMEDY).nodes(int(self.nodes))
        return jnp.broadcast_to(x, (points, *x.shape)), jnp.broadcast_to(w, (points, *w.shape))
