"""An independent answer: the dense saddle-point system of theory.md section 2, in plain NumPy, and random models to ask it about.

Unknowns are ÿ, Ẍ_i and λ_i of every bridge at once; nothing is eliminated, and no derivative comes from `myoscale.mechanics` or
from JAX. The random models are built from one family of maps, z ↦ A z + ½ C[z, z] + S sin(K z + φ), whose derivatives are written
out below; the JAX side only ever evaluates the map.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import lu_factor, lu_solve

from myoscale import AbstractBridge, AbstractTissue, Model, Stacked


class Smooth(eqx.Module):
    """z ↦ A z + ½ C[z, z] + S sin(K z + φ), C symmetric."""

    A: np.ndarray
    C: np.ndarray
    S: np.ndarray
    K: np.ndarray
    phase: np.ndarray

    def __call__(self, z):
        waves = jnp.asarray(self.S) @ jnp.sin(jnp.asarray(self.K) @ z + self.phase)
        return jnp.asarray(self.A) @ z + 0.5 * jnp.einsum("mij,i,j->m", self.C, z, z) + waves


def derivatives(f: Smooth, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value (m,), Jacobian (m, n) and Hessian (m, n, n) of a `Smooth` in NumPy."""
    angle = f.K @ z + f.phase
    value = f.A @ z + 0.5 * np.einsum("mij,i,j->m", f.C, z, z) + f.S @ np.sin(angle)
    jacobian = f.A + np.einsum("mij,j->mi", f.C, z) + np.einsum("ms,s,si->mi", f.S, np.cos(angle), f.K)
    hessian = f.C - np.einsum("ms,s,si,sj->mij", f.S, np.sin(angle), f.K, f.K)
    return value, jacobian, hessian


class RandomBridge(AbstractBridge):
    """Any constraint and energy of the family."""

    mass: np.ndarray
    g: Smooth
    spring: Smooth

    def constraint(self, x, q):
        return self.g(jnp.concatenate([x, q]))

    def energy(self, x):
        return self.spring(x)[0]


class InteractingBridge(AbstractBridge):
    """The same with the pair energy V(r) = strength · exp(−rᵀ P r/2)."""

    mass: np.ndarray
    g: Smooth
    spring: Smooth
    strength: np.ndarray
    P: np.ndarray

    def constraint(self, x, q):
        return self.g(jnp.concatenate([x, q]))

    def energy(self, x):
        return self.spring(x)[0]

    def interaction(self, r):
        return self.strength * jnp.exp(-0.5 * r @ jnp.asarray(self.P) @ r)


class RandomTissue(AbstractTissue):
    """P points whose kinematics q_p(y) are any of the family, q″ ≠ 0 included."""

    mass_matrix: np.ndarray
    passive: Smooth
    dampers: np.ndarray
    omega: np.ndarray
    local: Smooth  # leading axis P

    def energy(self, y):
        return self.passive(y)[0]

    @property
    def damping(self):
        return jnp.asarray(self.dampers)

    @property
    def heads(self):
        return jnp.asarray(self.omega)

    def kinematics(self, y):
        return jax.vmap(lambda q: q(y))(self.local)


class Shape(NamedTuple):
    """Sizes of a random model; what differs here is compiled anew."""

    nx: int
    nq: int
    ny: int
    P: int
    N: int
    pairs: bool
    linear: bool  # q_p(y) linear
    stacked: bool  # each point its own bridge

    def __str__(self):
        flags = [name for name in ("pairs", "linear", "stacked") if getattr(self, name)]
        return "-".join([f"nx{self.nx}", f"nq{self.nq}", f"ny{self.ny}", f"P{self.P}", *flags])


class Case(NamedTuple):
    """A random model, where its bridges started (y_in, x_in), and the instant (y, v) at which it is asked."""

    model: Model
    y_in: np.ndarray
    x_in: np.ndarray  # (P, N, nx)
    w: np.ndarray  # (P, N)
    y: np.ndarray
    v: np.ndarray
    load: np.ndarray


def random_smooth(rng, m, n, linear, bend, waves=3):
    """A member of the family near its linear part."""
    c = bend * rng.normal(size=(m, n, n))
    amplitude = bend * rng.normal(size=(m, waves))
    return Smooth(linear, c + c.swapaxes(1, 2), amplitude, rng.normal(size=(waves, n)), rng.uniform(0, 6, waves))


def positive(rng, n, low=0.5):
    """A random symmetric positive definite matrix."""
    a = rng.normal(size=(n, n))
    return low * np.eye(n) + a @ a.T / n


def random_case(shape: Shape, seed: int) -> Case:
    """Every coefficient drawn from the seed; every fifth case has massless bridges."""
    nx, nq, ny, P, N = shape[:5]
    rng = np.random.default_rng([seed, *map(int, shape)])
    mass = 0.0 if seed % 5 == 4 else rng.uniform(0.3, 3.0)

    def bridge():
        linear = np.hstack([np.eye(nx) + 0.2 * rng.normal(size=(nx, nx)), -rng.normal(size=(nx, nq))])
        g = random_smooth(rng, nx, nx + nq, linear, 0.05)
        spring = random_smooth(rng, 1, nx, rng.normal(size=(1, nx)), 0.3)
        spring = eqx.tree_at(lambda s: s.C, spring, spring.C + 2 * positive(rng, nx))
        pair = (np.asarray(rng.normal()), positive(rng, nx)) if shape.pairs else ()
        return (InteractingBridge if shape.pairs else RandomBridge)(np.asarray(mass), g, spring, *pair)

    locals_ = [random_smooth(rng, nq, ny, rng.normal(size=(nq, ny)), 0.0 if shape.linear else 0.3) for _ in range(P)]
    passive = random_smooth(rng, 1, ny, rng.normal(size=(1, ny)), 0.5)
    tissue = RandomTissue(
        positive(rng, ny),
        passive,
        0.3 * positive(rng, ny),
        rng.uniform(0.2, 3.0, P),
        jax.tree.map(lambda *a: np.stack(a), *locals_),
    )
    w = rng.uniform(0.1, 1.0, (P, N)) ** 2
    y_in = rng.normal(size=ny)
    return Case(
        model=Model(tissue, Stacked([bridge() for _ in range(P)]) if shape.stacked else bridge()),
        y_in=y_in,
        x_in=rng.normal(size=(P, N, nx)),
        w=w / w.sum(1, keepdims=True),
        y=y_in + 0.05 * rng.normal(size=ny),
        v=rng.normal(size=ny),
        load=rng.normal(size=ny),
    )


def leaf(tree, p):
    """Entry p of a tree whose leaves have a leading axis."""
    return jax.tree.map(lambda a: a[p], tree)


def bridge_at(case: Case, p: int):
    """The bridge at point p."""
    bridge = case.model.bridge
    return leaf(bridge.each, p) if isinstance(bridge, Stacked) else bridge


def positions(case: Case, p: int, q: np.ndarray) -> np.ndarray:
    """Where the bridges of point p sit when the tissue shows them q: g(X, q) = g(X^in, q^in), by Newton's method."""
    g = bridge_at(case, p).g
    q_in = derivatives(leaf(case.model.tissue.local, p), case.y_in)[0]
    found = []
    for x in case.x_in[p]:
        c = derivatives(g, np.concatenate([x, q_in]))[0]
        for _ in range(40):
            value, jacobian, _ = derivatives(g, np.concatenate([x, q]))
            x = x - np.linalg.solve(jacobian[:, : x.size], value - c)
        found.append(x)
    return np.array(found)


def bridge_forces(case: Case, p: int, x: np.ndarray) -> np.ndarray:
    """f_i = F₁(X_i) + Σ_j w_j K(X_j, X_i), (N, nx)."""
    bridge = bridge_at(case, p)
    f = np.array([-derivatives(bridge.spring, one)[1][0] for one in x])
    if not isinstance(bridge, InteractingBridge):
        return f
    r = x[None] - x[:, None]  # r[i, j] = X_j − X_i
    value = bridge.strength * np.exp(-0.5 * np.einsum("ija,ab,ijb->ij", r, bridge.P, r))
    return f - np.einsum("j,ij,ijb,ab->ia", case.w[p], value, r, bridge.P)  # K = −∇_{X_i} V(X_j − X_i) = V′(r)


class Constraints(NamedTuple):
    """All bridges of all points, flattened: what the saddle-point system is made of."""

    x: np.ndarray  # (n, nx)
    A: np.ndarray  # g_x (n, nx, nx)
    g_q: np.ndarray  # (n, nx, nq)
    B: np.ndarray  # g_y = g_q q′ (n, nx, ny)
    h: np.ndarray  # (n, nx), q″[ẏ, ẏ] included
    f: np.ndarray  # (n, nx)
    mass: np.ndarray  # m of each (n,)
    weight: np.ndarray  # ω_p w_{p,i} (n,)


def constraints(case: Case) -> Constraints:
    """Derivatives of the composite g(x, q_p(y)) of every bridge at the case's instant."""
    rows = []
    for p, omega in enumerate(case.model.tissue.omega):
        bridge = bridge_at(case, p)
        q, dq, ddq = derivatives(leaf(case.model.tissue.local, p), case.y)
        x = positions(case, p, q)
        for x_i, w, f in zip(x, case.w[p], bridge_forces(case, p, x), strict=True):
            nx = x_i.size
            _, jacobian, hessian = derivatives(bridge.g, np.concatenate([x_i, q]))
            g_x, g_q = jacobian[:, :nx], jacobian[:, nx:]
            u = dq @ case.v
            along = np.concatenate([np.linalg.solve(g_x, -g_q @ u), u])
            h = np.einsum("mij,i,j->m", hessian, along, along) + g_q @ np.einsum("mij,i,j->m", ddq, case.v, case.v)
            rows.append((x_i, g_x, g_q, g_q @ dq, h, f, bridge.mass, omega * w))
    return Constraints(*map(np.array, zip(*rows, strict=True)))


class Answer(NamedTuple):
    """The solution of the saddle-point system."""

    y: np.ndarray  # ÿ (ny,)
    x: np.ndarray  # Ẍ (n, nx)
    multiplier: np.ndarray  # λ (n, nx), per unit weight
    reaction: np.ndarray  # what holds the prescribed coordinates (ny,)


def saddle_point(mass_matrix, force, bridges: Constraints, held=(), held_acceleration=(), refine=2) -> Answer:
    """M₀ÿ − Σ ω w g_yᵀλ = force (+ reaction), mẌ − g_xᵀλ = f, g_xẌ + g_yÿ = −h, and ÿ = given where held: one dense matrix.

    Residuals of `refine` rounds of iterative refinement are formed in extended precision.
    """
    n, nx, ny = bridges.B.shape
    held = list(held)
    size = ny + 2 * n * nx + len(held)
    matrix, right = np.zeros((size, size)), np.zeros(size)
    matrix[:ny, :ny], right[:ny] = mass_matrix, force
    for i in range(n):
        X = slice(ny + i * nx, ny + (i + 1) * nx)
        L = slice(ny + (n + i) * nx, ny + (n + i + 1) * nx)
        matrix[:ny, L] = -bridges.weight[i] * bridges.B[i].T
        matrix[X, X], matrix[X, L], right[X] = bridges.mass[i] * np.eye(nx), -bridges.A[i].T, bridges.f[i]
        matrix[L, X], matrix[L, :ny], right[L] = bridges.A[i], bridges.B[i], -bridges.h[i]
    for k, (dof, given) in enumerate(zip(held, held_acceleration, strict=True)):
        row = ny + 2 * n * nx + k
        matrix[dof, row], matrix[row, dof], right[row] = -1.0, 1.0, given
    factors = lu_factor(matrix)
    solution = lu_solve(factors, right)
    for _ in range(refine):
        rest = right - matrix.astype(np.longdouble) @ solution.astype(np.longdouble)
        solution = solution + lu_solve(factors, rest.astype(float))
    reaction = np.zeros(ny)
    reaction[held] = solution[ny + 2 * n * nx :]
    parts = solution[ny : ny + 2 * n * nx].reshape(2, n, nx)
    return Answer(solution[:ny], *parts, reaction)


def tissue_force(case: Case) -> np.ndarray:
    """F₀ − Dẏ + ℓ."""
    tissue = case.model.tissue
    return -derivatives(tissue.passive, case.y)[1][0] - tissue.dampers @ case.v + case.load


def elastic_force(case: Case, p: int, q: np.ndarray) -> np.ndarray:
    """ω_p Σ_i w_i Φ_iᵀ f_i of point p with its bridges carried to q, (nq,)."""
    bridge, total = bridge_at(case, p), np.zeros(q.size)
    x = positions(case, p, q)
    for x_i, w, f in zip(x, case.w[p], bridge_forces(case, p, x), strict=True):
        jacobian = derivatives(bridge.g, np.concatenate([x_i, q]))[1]
        total += w * np.linalg.solve(jacobian[:, : x_i.size], -jacobian[:, x_i.size :]).T @ f
    return case.model.tissue.omega[p] * total


def relative(observed, expected) -> float:
    """Greatest difference over greatest expected entry."""
    expected = np.asarray(expected)
    return float(np.max(np.abs(np.asarray(observed) - expected)) / np.max(np.abs(expected)))
