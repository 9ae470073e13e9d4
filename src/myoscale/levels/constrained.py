"""The macro–micro DAE: N particles tied to the tissue by multipliers (theory.md sections 2 and 11)."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np

from ..citations import (
    GONZALEZ_1999,
    HAIRER_LUBICH_WANNER,
    KAHAN_LI_1997,
    PLUNDER_SIMEON_2023,
    RATTLE_1983,
    SUZUKI_1990,
)
from ..dae import Stepper
from ..errors import InputError, nearest
from ..numerics.composition import STAGES
from ..population import Heads, Tied
from ..types import as_float
from .base import AbstractPointLevel, begin_cycling, need_memory, plain
from .sampling import Sampling, as_sampling, check_particles, cites_sampling, draw, draw_velocities


class Constrained(AbstractPointLevel):
    """N weighted particles at each point, with multipliers that keep g(X_i, q) = c_i; for every rank k ≤ nx, also where g_x loses it.

    Constraints hold to rounding for positions and velocities after every step. `Solution.multipliers` has λ_i, `Solution.pulls` what each
    bridge does to the tissue.

    **Arguments:**

    - `n`, `sampling`: as for `Reduced`.
    - `dt`: the step, the same all the way; left out, steps are as long as the tolerance allows.
    - `stepper`: `Stepper.PROJECTED` (explicit, of order 8, brought back to the constraint; only without `dt`, and then the default),
        `RATTLE` (symplectic; the default with `dt`), `ENERGY_MOMENTUM` (conserves the energy; needs m > 0), or the name of one.
    - `order`: 2, 4 or 6 (the default): symmetric compositions of the last two, of 1, 5 and 9 stages.
    - `keep`: how many bridges a point are followed one by one in the solution, which holds no others; sums are always over all.

    **Raises:** `InputError` for values that make no sense.
    """

    name: ClassVar[str] = "constrained"
    lower_rank: ClassVar[bool] = True
    only_cycling: ClassVar[tuple[str, ...]] = ()

    n: int | None = eqx.field(static=True, default=None)
    stepper: Stepper = eqx.field(static=True, default=Stepper.PROJECTED)
    order: int | None = eqx.field(static=True, default=None)
    dt: float | None = eqx.field(static=True, default=None)
    sampling: Sampling = eqx.field(static=True, default=Sampling.RANDOM)
    keep: int = eqx.field(static=True, default=1_000)

    def __init__(
        self,
        n: int | None = None,
        stepper: Stepper | str | None = None,
        order: int | None = None,
        dt: float | None = None,
        sampling: Sampling | str = Sampling.RANDOM,
        keep: int = 1_000,
    ):
        self.n, self.sampling = as_sampling("Constrained", n, sampling)
        if stepper is None:
            stepper = Stepper.PROJECTED if dt is None and order is None else Stepper.RATTLE
        try:
            self.stepper = Stepper(stepper)
        except ValueError:
            raise InputError(
                f"Constrained does not know the stepper '{stepper}': {nearest(str(stepper), list(Stepper))}"
            ) from None
        if order is not None and (order not in STAGES or isinstance(order, bool)):
            raise InputError(f"Constrained expected order 2, 4 or 6. Received {order!r}.")
        if self.stepper is Stepper.PROJECTED and (dt is not None or order is not None):
            raise InputError(
                "Constrained chooses the steps of 'projected' by the tolerance, at its order 8. Received dt or order with it: leave them out, or use the stepper 'rattle'."
            )
        dt = plain(dt)
        if dt is not None and (
            isinstance(dt, bool) or not isinstance(dt, int | float) or not math.isfinite(dt) or not dt > 0
        ):
            raise InputError(
                f"Constrained expected dt > 0, a time step, or none to choose it by the tolerance. Received {dt!r}."
            )
        if not isinstance(keep, int | np.integer) or isinstance(keep, bool) or keep < 1:
            raise InputError(f"Constrained expected keep, a whole number of bridges ≥ 1. Received {keep!r}.")
        self.order = None if self.stepper is Stepper.PROJECTED else 6 if order is None else int(order)
        self.dt, self.keep = None if dt is None else float(dt), int(keep)

    @property
    def label(self):
        """`constrained:n`, and what is not at its default."""
        projected = self.stepper is Stepper.PROJECTED
        usual = Stepper.PROJECTED if self.dt is None and self.order in (None, 6) else Stepper.RATTLE
        defaults = {"stepper": usual, "order": None if projected else 6, "dt": None, "sampling": Sampling.RANDOM}
        given = {name: getattr(self, name) for name in defaults if getattr(self, name) != defaults[name]}
        size = "" if self.n is None else f":{self.n}"
        return (
            self.name + size + "".join(f",{k}={v:g}" if isinstance(v, float) else f",{k}={v}" for k, v in given.items())
        )

    def cites(self, start):
        """The particle system, the steppers, and how it is sampled."""
        base = {
            Stepper.PROJECTED: (),
            Stepper.RATTLE: (RATTLE_1983,),
            Stepper.ENERGY_MOMENTUM: (GONZALEZ_1999,),
        }[self.stepper]
        composed = {None: (), 2: (), 4: (SUZUKI_1990,), 6: (KAHAN_LI_1997,)}[self.order]
        return (
            PLUNDER_SIMEON_2023,
            *base,
            HAIRER_LUBICH_WANNER,
            *composed,
            *cites_sampling(self.sampling, start),
        )

    def check(self, start):
        """Points fix n; quantiles are of one variable."""
        check_particles(self, start)
        need_memory(self, 25.0 * start.nx * (self.n or 0))

    def check_model(self, model, start):
        """An energy-momentum step divides by m."""
        if self.stepper is Stepper.ENERGY_MOMENTUM and not (np.asarray(model.bridge.mass) > 0).all():
            raise InputError(
                f"{self.label} expected bridges with mass. Received m = 0: use the stepper 'rattle', or give them a mass."
            )

    def tied(self, model, start):
        """Always."""
        order = 8 if self.order is None else self.order
        return Tied(self.stepper.value, order, self.keep, None if self.dt is None else as_float(self.dt))

    def check_cycling(self, start, scheme):
        """A number of heads, drawn at random."""
        if self.n is None or self.sampling is not Sampling.RANDOM:
            raise InputError(
                f"Constrained expected n, a number of heads, drawn at random, for cycling bridges. Received {self.label}: say Constrained(1_000)."
            )
        need_memory(self, 30.0 * self.n)

    def begin(self, model, start, q, key, seed):
        """Heads that jump; bridges that stay attached begin in `tied`."""
        return begin_cycling(Heads(self.n or 0), model, start, q, jax.random.split(key, q.shape[0]))

    def points(self, start, points, key, seed):
        """Draw the particles, or take those that the start gives."""
        return draw(self, start, points, key, seed)

    def places(self, start, points, key, seed):
        """Draw velocities too."""
        x, w = self.points(start, points, key, seed)
        return x, draw_velocities(self, start, x, key, seed), w
