"""The mean-field PDE: a density on a grid (theory.md section 5)."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..citations import MCCORQUODALE_COLELLA_2011, PLUNDER_SIMEON_2020, PLUNDER_SIMEON_2023, SURESH_HUYNH_1997
from ..errors import InputError
from ..model import scheme_of
from ..population import Density, Sites
from ..types import Scalar, float64
from .base import (
    AbstractLevel,
    begin_cycling,
    check_steps,
    cycling_label,
    need_law,
    need_memory,
    periods_and_span,
    plain,
)
from .steps import need_cells

OUTSIDE = 1e-6  # greatest share of the law that a window may leave out


_REMEDY = "give a law (a Tabulated one made with a kernel width, say), or use Reduced() for these points."


class Kinetic(AbstractLevel):
    """The density of bridges on `cells` cells an axis (nx = 1 or 2) in a window of ± `window` standard deviations.

    Fifth-order upwind finite volumes in one dimension, fourth order in two; conservative, positive, energy exact in the
    semi-discrete system.

    Of cycling bridges the shares attached on `cells` cells that move with the heads, in a window of `sites` spacings (a whole number, or a part of
    one; from the zone of attachment if left out), in time steps `dt` (from the fastest rate if left out; too long ones are divided).

    **Raises:** `InputError` for fewer than 8 cells or a window that is not positive.
    """

    name: ClassVar[str] = "kinetic"

    cells: int = eqx.field(static=True)
    window: Scalar = 7.0
    sites: float | int | None = eqx.field(static=True, default=None, converter=plain)
    dt: float | None = eqx.field(static=True, default=None, converter=plain)

    def __check_init__(self):
        if not isinstance(self.cells, int | np.integer) or isinstance(self.cells, bool) or self.cells < 8:
            raise InputError(
                f"Kinetic expected cells, a whole number ≥ 8. Received {self.cells!r}: 200 is a good start."
            )
        if not self.window > 0:
            raise InputError(f"Kinetic expected window > 0, in standard deviations. Received {self.window!r}.")

        check_steps(self)

    @property
    def label(self):
        """`kinetic:cells`."""
        return (
            f"{self.name}:{self.cells}"
            + ("" if self.window == 7.0 else f",window={self.window:g}")
            + cycling_label(self)
        )

    @float64
    def cites(self, start):
        """The kinetic equation, and the scheme."""
        across = (MCCORQUODALE_COLELLA_2011,) if start.nx > 1 else ()
        return (PLUNDER_SIMEON_2020, PLUNDER_SIMEON_2023, SURESH_HUYNH_1997, *across)

    def check_cycling(self, start, scheme):
        """Memory for the cells, and cells for the zone of attachment."""
        need_memory(self, 40.0 * self.cells)
        need_cells(self, scheme, int(self.cells))

    def check(self, start):
        """A law in one or two dimensions that the window holds and the cells can resolve."""
        law = need_law(self, start, _REMEDY)
        if law.nx > 2:
            raise InputError(
                f"Kinetic is for nx = 1 or 2. Received a law on R^{law.nx}: use Characteristics or MomentClosure."
            )
        need_memory(self, 40.0 * self.cells**law.nx)  # what a step holds
        state, outside = Density(int(self.cells)).start(law, self.window)
        if float(outside) > OUTSIDE:
            raise InputError(
                f"Kinetic's window of ±{self.window:g} standard deviations leaves out {float(outside):.1e} of the law: widen it (7 is safe)."
            )
        share = float(jnp.max(state.m))
        if share > 0.5:
            raise InputError(
                f"Kinetic({self.cells}) puts {share:.0%} of the law into one cell: use more cells or a narrower window."
            )

    def begin(self, model, start, q, key, seed):
        """Cell masses of the law, the same at every point; or the shares attached of cycling bridges."""
        if scheme_of(model.bridge) is not None:
            periods, span = periods_and_span(self)
            return begin_cycling(Sites(-(-int(self.cells) // periods), periods, 1, span), model, start, q)
        population = Density(int(self.cells))
        z, _ = population.start(need_law(self, start, _REMEDY), self.window)
        return population, jax.tree.map(lambda a: jnp.broadcast_to(a, (q.shape[0], *a.shape)), z)
