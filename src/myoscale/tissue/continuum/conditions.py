"""What happens at the boundary of a tissue: clamps, prescribed motion, ties, tractions, follower pressure, springs.

Values are numbers, arrays or functions of time built of jax.numpy, as of a drive. All are per reference area, and point where the
coordinate axes point. `During` lets a condition begin and end: a muscle that is held, and released against a load.
"""

from collections.abc import Callable

import math

import equinox as eqx
import numpy as np

from ...errors import InputError
from ...fields import parameter
from ...types import ArrayLike, Scalar, as_number

Value = Callable | ArrayLike


class AbstractCondition(eqx.Module):
    """At a part of the boundary, by its name."""

    boundary: eqx.AbstractVar[str]

    @property
    def itself(self) -> "AbstractCondition":
        """What holds while it lasts."""
        return self

    @property
    def lasts(self) -> tuple[float, float]:
        """From when to when."""
        return -math.inf, math.inf


class Clamp(AbstractCondition):
    """No displacement: of all components, or of those given, 0 for x."""

    boundary: str = parameter("name of the boundary", static=True)
    components: tuple[int, ...] | None = parameter("which components; all if left out", static=True, default=None)


class Motion(AbstractCondition):
    """A prescribed displacement of one component."""

    boundary: str = parameter("name of the boundary", static=True)
    component: int = parameter("0 for x, 1 for y, 2 for z", static=True)
    value: Value = parameter("displacement, of t", "length")


class Tie(AbstractCondition):
    """One component has the same displacement all over the boundary, whatever it is: a rigid plate that only slides."""

    boundary: str = parameter("name of the boundary", static=True)
    component: int = parameter("0 for x, 1 for y, 2 for z", static=True)


class Traction(AbstractCondition):
    """A force per reference area that keeps its direction."""

    boundary: str = parameter("name of the boundary", static=True)
    value: Value = parameter("force per area (d,), of t", "force/length**2")


class Pressure(AbstractCondition):
    """A pressure that pushes inward along the normal of the deformed surface."""

    boundary: str = parameter("name of the boundary", static=True)
    value: Value = parameter("pressure, of t", "force/length**2")


class Springs(AbstractCondition):
    """Springs that resist any displacement, as an elastic foundation does."""

    boundary: str = parameter("name of the boundary", static=True)
    stiffness: Scalar = parameter("stiffness per area", "force/length**3")


class During(AbstractCondition):
    """A condition that holds for a part of the run only.

    **Arguments:** `condition`; `since` and `until`, from when to when; from the start and to the end if left out.

    **Raises:** `InputError` unless it lasts.
    """

    condition: AbstractCondition = parameter("what holds")
    since: float | None = parameter("from when", "time", static=True, default=None)
    until: float | None = parameter("to when", "time", static=True, default=None)

    def __check_init__(self):
        begin, end = self.lasts
        if not isinstance(self.condition, AbstractCondition) or isinstance(self.condition, During):
            raise InputError(f"During expected a condition, Clamp('x0') for instance. Received {self.condition!r:.80}.")
        if np.isnan(as_number(begin)) or np.isnan(as_number(end)) or not begin < end:
            raise InputError(f"During expected since < until. Received {self.since!r} and {self.until!r}.")

    @property
    def boundary(self) -> str:
        """Of what holds."""
        return self.condition.boundary

    @property
    def itself(self) -> AbstractCondition:
        """What holds while it lasts."""
        return self.condition

    @property
    def lasts(self) -> tuple[float, float]:
        """From when to when."""
        return (-math.inf if self.since is None else self.since, math.inf if self.until is None else self.until)
