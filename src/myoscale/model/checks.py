"""Is the input usable? One sentence for each way in which it is not: what, where, what to do."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..types import is_traced
from .bridge import AbstractBridge, Stacked
from .cycling import scheme_of
from .cycling.checks import check_cycling
from .laws import AbstractLaw
from .noise import AbstractNoise, check_noise
from .scenario import Model, Start
from .tissue import AbstractTissue


def constraint_rows(model: Model, start: Start) -> int:
    """k, the number of rows of a checked model's constraint."""
    bridge = model.bridge
    if isinstance(bridge, Stacked):
        bridge = jax.tree.map(lambda leaf: leaf[0], bridge.each)
    nq = jax.eval_shape(model.tissue.kinematics, jnp.zeros(model.tissue.ny)).shape[1]
    return jax.eval_shape(bridge.constraint, jnp.zeros(start.nx), jnp.zeros(nq)).shape[0]


def check_model(model: Any, start: Any) -> None:
    """Raise `InputError` unless the model and the start fit each other. Values inside `jit`, `grad` or `vmap` are not looked at."""
    _kind(model, Model, "the model")
    _kind(model.tissue, AbstractTissue, "Model.tissue")
    _kind(model.bridge, AbstractBridge | Stacked, "Model.bridge")
    if model.noise is not None:
        _kind(model.noise, AbstractNoise, "Model.noise")
    _kind(start, Start, "the start")
    cycles = scheme_of(model.bridge) is not None  # before its numbers are looked at
    _numbers(model, type(model).__name__)
    _numbers(start, "Start")
    if is_traced((model, start)):
        return
    ny = _tissue(model.tissue)
    if model.noise is not None:
        check_noise(model.noise, ny)
    y, v = (_vector(getattr(start, name), ny, f"Start.{name}", model.tissue.is_field) for name in "yv")
    del v
    points = np.shape(jax.eval_shape(model.tissue.kinematics, jnp.asarray(y)))[0]
    if not cycles:
        _points(start, points)
    _bridge(model, start, y, points)


def _kind(value, kind, where):
    if not isinstance(value, kind):
        wanted = " or ".join(k.__name__ for k in getattr(kind, "__args__", (kind,)))
        hint = ": make an instance of it, with brackets" if isinstance(value, type) else ""
        raise InputError(f"Expected {where} to be a {wanted}. Received {value!r:.80}{hint}.")


def _numbers(tree, where):
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if callable(leaf) or is_traced(leaf):
            continue
        name = f"{where}{jax.tree_util.keystr(path)}"
        try:
            value = np.asarray(leaf, float)
        except (TypeError, ValueError):
            raise InputError(f"Expected {name} to be a number or an array of numbers. Received {leaf!r:.80}.") from None
        if np.isnan(value).any():
            raise InputError(f"Expected numbers in {name}. Received NaN.")


def _vector(value, ny, where, field):
    value = np.asarray(value, float)
    if field and value.shape == ():
        return np.full(ny, value)  # the same at every node: 0, at rest
    if value.shape not in ((), (ny,)) or (value.shape == () and ny != 1):
        raise InputError(
            f"Expected {where} of shape ({ny},), one entry for each coordinate of the tissue. Received shape {value.shape}."
        )
    return value.reshape(ny)


def _tissue(tissue) -> int:
    if tissue.is_field:
        return tissue.ny  # finite elements see to their numbers themselves
    mass = np.asarray(tissue.mass_matrix, float)
    if mass.ndim != 2 or mass.shape[0] != mass.shape[1]:
        raise InputError(f"Expected the tissue's mass_matrix of shape (ny, ny). Received shape {mass.shape}.")
    if not np.allclose(mass, mass.T, rtol=1e-12, atol=0) or not (np.linalg.eigvalsh(mass) > 0).all():
        raise InputError(
            "Expected the tissue's mass to be positive (its mass_matrix symmetric positive definite). Received one that is not."
        )
    ny = len(mass)
    if tissue.damping is not None:
        damping = np.asarray(tissue.damping, float)
        if damping.size != ny * ny:
            raise InputError(f"Expected the tissue's damping of shape ({ny}, {ny}). Received shape {damping.shape}.")
        damping = damping.reshape(ny, ny)
        if np.linalg.eigvalsh((damping + damping.T) / 2).min() < -1e-12 * np.abs(damping).max():
            raise InputError(
                "Expected the tissue's damping to take energy out (positive semi-definite). Received one that puts energy in."
            )
    if not (np.asarray(tissue.heads) > 0).all():
        raise InputError("Expected a positive number of heads at each point of the tissue. Received one that is not.")
    y = jnp.zeros(ny)
    energy = _shape(type(tissue).__name__, tissue.energy, y)
    points = _shape(type(tissue).__name__, tissue.kinematics, y)
    if len(points) != 2:
        raise InputError(
            f"Expected {type(tissue).__name__}.kinematics(y) of shape (P, nq), one row a point. Received shape {points}."
        )
    if np.shape(tissue.heads) != points[:1]:
        raise InputError(
            f"Expected {type(tissue).__name__}.heads of shape {points[:1]}, one number a point. Received shape {np.shape(tissue.heads)}."
        )
    if energy != ():
        raise InputError(f"Expected {type(tissue).__name__}.energy(y) to return a number. Received shape {energy}.")
    return ny


def _shape(name, method, *arguments) -> tuple[int, ...]:
    """The shape of what a user's method returns, or one sentence if it cannot."""
    try:
        return jnp.shape(jax.eval_shape(method, *arguments))
    except Exception as error:  # whatever the user's own code raises
        if isinstance(error, InputError):
            raise
        shapes = " and ".join(str(a.shape) for a in arguments)
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name}.{method.__name__} cannot be evaluated at arguments of shape {shapes}: {said}"
        ) from None


def _points(start, points):
    if start.x is None:
        raise InputError("Expected Start.x, a law or points of the bridges' extension. Received none.")
    if not is_traced(start.attached) and start.attached:
        raise InputError(
            "Start.attached belongs to cycling bridges; this bridge has no cycling. Received a share: leave it out."
        )
    if isinstance(start.x, AbstractLaw):
        if start.weights is not None:
            raise InputError("Start.weights belong to given points. Received weights and a law: leave them out.")
        return
    shape = np.shape(start.x)
    if len(shape) not in (1, 2, 3) or 0 in shape or (len(shape) == 3 and shape[0] != points):
        raise InputError(
            f"Expected Start.x to be a law, or points (N, nx), or ({points}, N, nx). Received shape {shape}."
        )
    if start.nx > 3:
        raise InputError(
            f"Expected extensions of nx = 1, 2 or 3 components. Received {start.nx} (points are (N, nx), the component last)."
        )
    if start.weights is None:
        return
    weights = np.asarray(start.weights, float)
    count = shape[0] if len(shape) == 1 else shape[-2]
    if weights.shape not in ((count,), (points, count)):
        raise InputError(
            f"Expected Start.weights of shape ({count},) or ({points}, {count}). Received {weights.shape}."
        )
    if (weights < 0).any() or (np.abs(weights.sum(-1) - 1) > 1e-9).any():
        raise InputError(
            f"Expected Start.weights to be ≥ 0 and to sum to 1 at each point. Received a sum of {weights.sum(-1).flat[0]:.12g}: divide by it."
        )


def _bridge(model, start, y, points):
    bridge = model.bridge
    if isinstance(bridge, Stacked):
        if bridge.points != points:
            raise InputError(
                f"Expected one bridge for each of the {points} points of the tissue in Stacked. Received {bridge.points}."
            )
        bridge = jax.tree.map(lambda leaf: leaf[0], bridge.each)
    if not (np.asarray(model.bridge.mass) >= 0).all():
        raise InputError(f"Expected the bridge's mass ≥ 0. Received {np.asarray(model.bridge.mass).min():g}.")
    name, nx = type(bridge).__name__, start.nx
    x, q = jnp.zeros(nx), jnp.asarray(model.tissue.kinematics(jnp.asarray(y)))[0]
    rows, energy = _shape(name, bridge.constraint, x, q), _shape(name, bridge.energy, x)
    if energy != ():
        raise InputError(
            f"Expected {name}.energy(x) to return a number. Received shape {energy}: a spring is 0.5 * κ * x @ x."
        )
    if len(rows) != 1 or not 1 <= rows[0] <= nx:
        hint = (
            f"{rows[0]} rows cannot hold for x of {nx}"
            if len(rows) == 1 and rows[0]
            else "x and q are vectors, also with one component"
        )
        raise InputError(
            f"Expected {name}.constraint(x, q) of shape (k,), one row for each component of x or fewer, k ≤ nx = {nx}. Received {rows}: {hint}."
        )
    _velocities(start, points, rows[0])
    if rows[0] < nx and not (np.asarray(model.bridge.mass) > 0).all():
        raise InputError(
            f"Expected bridges with mass, m > 0, since {name}.constraint has k = {rows[0]} rows for nx = {nx} and leaves them free to move. Received m = 0."
        )
    if scheme_of(bridge) is not None:
        check_cycling(bridge, start, lambda x: _flow(bridge, x, q))
    if bridge.interaction is not None:
        _interaction(bridge, start)


def _interaction(bridge, start):
    """V is a number, even, and smooth enough at 0, where a bridge meets itself, for a force; at differences that may be met."""
    name, nx = type(bridge).__name__, start.nx
    shape = _shape(name, bridge.interaction, jnp.zeros(nx))
    if shape != ():
        raise InputError(
            f"Expected {name}.interaction(r) to return a number. Received shape {shape}: r is a vector, say r @ r for its square."
        )
    both = jax.vmap(jax.value_and_grad(bridge.interaction))
    value, slope = both(jnp.zeros((1, nx)))
    if not (np.isfinite(value).all() and np.isfinite(slope).all()):
        raise InputError(
            f"Expected {name}.interaction(r) to be smooth at r = 0, since sums are over all pairs, i = j included. Received V = {float(value[0]):g} "
            f"and ∇V = {np.asarray(slope[0])} there: write jnp.sqrt(r @ r + ε**2) for a length."
        )
    r = _differences(start, nx)
    (there, slope), (back, _) = both(r), both(-r)
    there, back, slope = map(np.asarray, (there, back, slope))
    if (broken := np.isnan(there) | np.isnan(slope).any(1)).any():
        raise InputError(
            f"Expected numbers from {name}.interaction(r) and its gradient. Received NaN at r = {np.asarray(r)[broken][0]}."
        )
    # Beside the greatest V met: a constant in V has no meaning, and leaves rounding in each difference.
    size = np.max(np.abs(np.append(there[np.isfinite(there)], value)))
    uneven = ~np.isclose(there, back, rtol=1e-9, atol=1e-12 * size)
    if uneven.any():
        first = int(np.argmax(uneven))
        raise InputError(
            f"Expected {name}.interaction(r) to be even, V(r) = V(−r). Received V = {there[first]} and {back[first]} at r = ±{np.asarray(r[first])}."
        )


def _differences(start, nx):
    """Differences of extensions along the axes and across them, from a thousandth of the start's spread to all of it."""
    if isinstance(start.x, AbstractLaw):
        low, high = start.x.window(5.0)
    else:
        x = np.asarray(start.x, float).reshape(-1, nx) if start.x is not None else np.array([[0.0] * nx, [1.0] * nx])
        low, high = x.min(0), x.max(0)
    reach = np.asarray(high - low, float)
    reach = np.where(reach > 0, reach, reach.max() or 1.0)
    directions = np.concatenate([np.eye(nx), np.random.default_rng(0).uniform(-1, 1, (8, nx))])
    return jnp.asarray((np.geomspace(1e-3, 1.0, 13)[:, None, None] * directions * reach).reshape(-1, nx))


def _velocities(start, points, rows):
    if start.velocity is None:
        return
    if isinstance(start.velocity, AbstractLaw):
        if rows == start.nx:
            raise InputError(
                f"Start.velocity as a law belongs to constraints of lower rank; here k = nx = {rows}, and every Ẋ follows from ẏ. Received a law: leave it out."
            )
        if start.velocity.nx != start.nx:
            raise InputError(
                f"Expected Start.velocity on R^{start.nx}, as Start.x is. Received a law on R^{start.velocity.nx}."
            )
        return
    if isinstance(start.x, AbstractLaw):
        raise InputError(
            "Start.velocity for each bridge belongs to given points. Received velocities and a law of X: give a law of velocities, or points."
        )
    shape, x = np.shape(start.velocity), np.shape(start.x)
    wanted = {x, (points, *x[-2:]) if len(x) > 1 else x}
    if shape not in wanted:
        raise InputError(f"Expected Start.velocity of shape {x}, as Start.x is. Received shape {shape}.")


def _flow(bridge, x, q):
    """Φ = −g_x⁻¹ g_q."""
    a, b = jax.jacfwd(bridge.constraint, argnums=(0, 1))(x, q)
    return -jnp.linalg.solve(a, b)
