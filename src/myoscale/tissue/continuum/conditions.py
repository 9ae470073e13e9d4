"""What happens at the boundary of a tissue: clamps, prescribed motion, ties, tractions, follower pressure, springs.

Values are numbers, arrays or functions of time built of jax.numpy, as of a drive. All are per reference area, and point where the
coordinate axes point.
"""

from collections.abc import Callable

import equinox as eqx

from ...fields import parameter
from ...types import ArrayLike, Scalar

Value = Callable | ArrayLike


class AbstractCondition(eqx.Module):
    """At a part of the boundary, by its name."""

    boundary: eqx.AbstractVar[str]


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
