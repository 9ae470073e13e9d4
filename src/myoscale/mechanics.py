"""The mechanics of one constrained bridge, derived once by automatic differentiation (theory.md sections 2 and 3).

With A = g_x and B = g_q, an attached bridge moves at Ẋ = Φ q̇ and Ẍ = Φ q̈ + Ω, where Φ = −A⁻¹B and Ω = −A⁻¹h,
h the second derivative of g along (Ẋ, q̇). It sits at X = ξ(q; c), the branch of g(X, q) = c through where it started.
Full rank only: k = nx and A invertible; but Φ = −A⁺B, A⁺ = Aᵀ(AAᵀ)⁻¹, is also the least velocity that a lower rank asks for.
"""

import jax
import jax.numpy as jnp

from .model.bridge import AbstractBridge
from .numerics import small
from .types import Array, Float

_LOOSE = 1e-4  # Newton stops looking here; the two steps after it reach rounding, and carry the derivatives
_ITERATIONS = 30


def jacobians(
    bridge: AbstractBridge, x: Float[Array, " nx"], q: Float[Array, " nq"]
) -> tuple[Float[Array, "k nx"], Float[Array, "k nq"]]:
    """A = g_x and B = g_q."""
    return jax.jacfwd(bridge.constraint, argnums=(0, 1))(x, q)


def flow(bridge: AbstractBridge, x: Float[Array, " nx"], q: Float[Array, " nq"]) -> Float[Array, "nx nq"]:
    """Φ = −g_x⁻¹ g_q (−A⁺B where k < nx): the bridge's velocity for each unit rate of q."""
    if bridge.flow is not None:
        return bridge.flow(x, q)
    a, b = jacobians(bridge, x, q)
    return -small.inverse(a) @ b if a.shape[0] == a.shape[1] else -a.T @ small.inverse(a @ a.T) @ b


def curvature(
    bridge: AbstractBridge,
    x: Float[Array, " nx"],
    q: Float[Array, " nq"],
    dx: Float[Array, " nx"],
    u: Float[Array, " nq"],
) -> Float[Array, " k"]:
    """h = d²/ds² g(x + s dx, q + s u) at s = 0, by two nested forward derivatives."""
    along = lambda a, b: jax.jvp(bridge.constraint, (a, b), (dx, u))[1]
    return jax.jvp(along, (x, q), (dx, u))[1]


def flow_and_bias(
    bridge: AbstractBridge, x: Float[Array, " nx"], q: Float[Array, " nq"], u: Float[Array, " nq"]
) -> tuple[Float[Array, "nx nq"], Float[Array, " nx"]]:
    """Φ and Ω, sharing one inverse."""
    a, b = jacobians(bridge, x, q)
    inverse = small.inverse(a)
    phi = -inverse @ b
    return phi, -inverse @ curvature(bridge, x, q, phi @ u, u)


def multiplier(
    bridge: AbstractBridge,
    x: Float[Array, " nx"],
    q: Float[Array, " nq"],
    u: Float[Array, " nq"],
    acceleration: Float[Array, " nq"],
    force: Float[Array, " nx"],
) -> Float[Array, " nx"]:
    """λ = −(AAᵀ)⁻¹(m(B q̈ + h) + A f), per unit weight; `force` is f = F₁ + Σ_j w_j K."""
    a, b = jacobians(bridge, x, q)
    h = curvature(bridge, x, q, flow(bridge, x, q) @ u, u)
    return -small.inverse(a @ a.T) @ (bridge.mass * (b @ acceleration + h) + a @ force)


def extension(
    bridge: AbstractBridge, c: Float[Array, " nx"], q: Float[Array, " nq"], guess: Float[Array, " nx"]
) -> Float[Array, " nx"]:
    """ξ(q; c): Newton's method from `guess`, differentiable twice in everything but the guess.

    NaN where Newton does not settle, so that an adaptive integrator rejects the step instead of using it.
    """
    if bridge.extension is not None:
        return bridge.extension(c, q)

    def newton(bridge, c, q, x):
        return x - small.inverse(jax.jacfwd(bridge.constraint)(x, q)) @ (bridge.constraint(x, q) - c)

    def search(state):
        x, _, i = state
        new = newton(*fixed, x)
        return new, jnp.max(jnp.abs(new - x)) > _LOOSE * (1.0 + jnp.max(jnp.abs(new))), i + 1

    # Reverse mode cannot pass through the loop; by the implicit function theorem it need not.
    fixed = jax.tree.map(jax.lax.stop_gradient, (bridge, c, q))
    x, _, _ = jax.lax.while_loop(lambda s: s[1] & (s[2] < _ITERATIONS), search, (jax.lax.stop_gradient(guess), True, 0))
    near = newton(bridge, c, q, x)
    root = newton(bridge, c, q, near)
    settled = jnp.max(jnp.abs(root - near)) <= _LOOSE * (1.0 + jnp.max(jnp.abs(root)))
    return jnp.where(settled, root, jnp.nan)
