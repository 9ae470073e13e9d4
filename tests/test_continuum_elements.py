"""Claims about finite elements of tissue: affine motions, rigid rotations, derivatives, and order of convergence.

The load-bearing test is `test_displacements_converge_at_the_order_of_their_elements`: everything in a cell must be right for it, against
a stress and a body force that are written down here. `test_the_tangent_is_the_derivative_of_the_residual` is what Newton's method
stands on.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from continua import Irregular, bench
from scipy.spatial.transform import Rotation

import myoscale as ms
from myoscale.fem.pattern import vector
from myoscale.implicit import newton, points
from myoscale.numerics.blocks import in_chunks
from myoscale.tissue import (
    Clamp,
    ContinuumTissue,
    DeformationGradient,
    FibreStretch,
    Guccione,
    MooneyRivlin,
    NeoHookean,
    Pressure,
    Springs,
    Traction,
)
from myoscale.tissue.shapes import Block
from myoscale.zoo import ElementBridge, LinearBridge

H = 0.3
FIBRES, VECTORS = FibreStretch(), DeformationGradient()
SIDES = {2: ("x0", "x1", "y0", "y1"), 3: ("x0", "x1", "y0", "y1", "z0", "z1")}


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def held_all_round(element, dim, local, stepper="energy-momentum", pressure=0.0, springs=0.0):
    """An irregular block whose boundary is held where it is put: loads there change the residual and not the solution."""
    fibre = np.array([0.6, 0.8, 0.0]) if dim == 2 else np.array([0.48, 0.6, 0.64])
    return ContinuumTissue(
        Irregular((1.0, 1.2, 0.8)[:dim], (3, 2, 2)[:dim], tuple(fibre[:dim].tolist())),
        MooneyRivlin(1.0, 0.3),
        bulk=20.0,
        density=1.5,
        bridges=2.0,
        local=local,
        element=element,
        stepper=stepper,
        conditions=[*(Clamp(side) for side in SIDES[dim]), Pressure("y1", pressure), Springs("x1", springs)],
    )


def bridges(local, dim, mass, stiffness=3.0):
    """Bridges, and five points of their law."""
    random = np.random.default_rng(5)
    if isinstance(local, FibreStretch):
        return LinearBridge(mass=mass, stiffness=stiffness, gain=1.3), 0.4 + 0.2 * random.normal(size=5)
    return ElementBridge(mass=mass, stiffness=stiffness), 0.3 + 0.4 * random.normal(size=(5, dim))


def somewhere(tissue, size, seed):
    """A displacement without symmetry: affine, and every node moved on its own."""
    random, X = np.random.default_rng(seed), tissue.space.locations
    return size * (X @ random.uniform(-1, 1, (tissue.space.dim,) * 2) + 0.1 * random.uniform(-1, 1, X.shape)).ravel()


# Elements, dimensions, what bridges see: one tissue each, compiled once.
TISSUES = [
    ("Q1/P0", 3, FIBRES),
    ("Q1/P0", 3, VECTORS),
    ("Q2/Q1", 3, FIBRES),
    ("P2/P1", 3, FIBRES),
    ("Q2/Q1", 2, VECTORS),
]
NAMES = [f"{element} {dim}-D {type(local).__name__}" for element, dim, local in TISSUES]


@pytest.mark.parametrize(("element", "dim", "local"), TISSUES, ids=NAMES)
def test_an_affine_displacement_of_the_boundary_is_one_everywhere(element, dim, local):
    tissue = held_all_round(element, dim, local, pressure=0.2, springs=0.5)
    bridge, x = bridges(local, dim, 0.7)
    gradient = np.array([[0.15, 0.1, -0.05], [-0.2, 0.1, 0.1], [0.1, 0.0, -0.1]])[:dim, :dim]
    affine = (tissue.space.locations @ gradient.T).ravel()
    at = bench(tissue, bridge, ms.Reduced(5), x, 0.0)
    free = at.solver.layout.number >= 0
    assert free.sum() >= dim  # something is left to find
    begin = at.held._replace(y=np.where(free, 0.0, affine))
    found = at.solver.step(at.z, at.mass, begin, 0.0, 0.0, begin.y)
    assert found.converged
    assert np.max(np.abs(found.held.y - affine)) < 1e-10
    swollen = np.linalg.det(np.eye(dim) + gradient) - 1.0
    np.testing.assert_allclose(found.held.p, 20.0 * swollen, atol=1e-9)


@pytest.mark.parametrize(
    ("element", "dim", "local"), [TISSUES[k] for k in (0, 1, 4)], ids=[NAMES[k] for k in (0, 1, 4)]
)
@pytest.mark.parametrize("static", [True, False], ids=["equilibrium", "energy-momentum"])
def test_a_rigid_rotation_changes_no_energy_and_turns_the_forces(element, dim, local, static):
    tissue = held_all_round(element, dim, local)
    bridge, x = bridges(local, dim, 0.7)
    y0, y1, p1 = (
        somewhere(tissue, 0.3, 1),
        somewhere(tissue, 0.35, 2),
        somewhere(tissue, 1.0, 3)[: tissue.space.pressure_count],
    )
    turn = (
        Rotation.from_rotvec([0.9, -0.4, 0.7]).as_matrix()
        if dim == 3
        else Rotation.from_euler("z", 1.1).as_matrix()[:2, :2]
    )
    X = tissue.space.locations

    def turned(y):
        return ((X + y.reshape(-1, dim)) @ turn.T - X).ravel()

    drive = ms.QuasiStatic() if static else ms.Free()
    one = bench(tissue, bridge, ms.Reduced(5), x, y0, drive=drive)
    rotate = (lambda q: q) if local is FIBRES else lambda q: (turn @ q.reshape(-1, dim, dim)).reshape(q.shape)
    held = one.held._replace(y=turned(y0), q=rotate(np.asarray(one.held.q)))  # of the same bridges, labels and all
    other = one._replace(held=held)
    np.testing.assert_allclose(held.q, one.tissue.kinematics(jnp.asarray(held.y)), atol=1e-12)

    def energies(at):
        books = points.books(at.solver.model, at.solver.population, at.z, at.held.q, at.held.u, at.mass)
        return np.array([at.tissue.energy(jnp.asarray(at.held.y)), books[1]])

    before, after = energies(one), energies(other)
    assert np.all(before > 1e-2)
    np.testing.assert_allclose(after, before, rtol=1e-12)
    r = one.assembled(y1, p1, H).r.reshape(-1, dim)
    s = other.assembled(turned(y1), p1, H).r.reshape(-1, dim)
    assert np.max(np.abs(r)) > 0.1 and np.max(np.abs(r - s)) > 0.1
    np.testing.assert_allclose(s, r @ turn.T, atol=1e-11)


# Kind of step, mass of a bridge, and which tissue.
TANGENTS = [
    *(("equilibrium", 0.0, k) for k in (0, 1, 4)),
    *(("energy-momentum", mass, k) for mass in (0.0, 0.7) for k in (0, 1, 4)),
    *(("midpoint", mass, k) for mass in (0.0, 0.7) for k in (0, 4)),
]


@pytest.mark.parametrize(
    ("kind", "mass", "which"), TANGENTS, ids=[f"{kind} m={m} {NAMES[k]}" for kind, m, k in TANGENTS]
)
def test_the_tangent_is_the_derivative_of_the_residual(kind, mass, which):
    element, dim, local = TISSUES[which]
    stepper = "energy-momentum" if kind == "equilibrium" else kind
    tissue = held_all_round(element, dim, local, stepper, pressure=0.4, springs=2.0)
    bridge, x = bridges(local, dim, mass)
    drive = ms.QuasiStatic() if kind == "equilibrium" else ms.Free()
    at = bench(tissue, bridge, ms.Reduced(5), x, somewhere(tissue, 0.3, 1), somewhere(tissue, 0.5, 2), drive)
    y, p = at.held.y + somewhere(tissue, 0.1, 3), at.held.p + 0.5
    K = at.tangent(at.assembled(y, p, H, tangent=True))
    ny, random, step = tissue.ny, np.random.default_rng(7), 1e-5
    for part in (slice(0, ny), slice(ny, None)):
        way = np.zeros(ny + len(p))
        way[part] = random.uniform(-1, 1, way[part].shape)
        ends = [at.assembled(y + s * step * way[:ny], p + s * step * way[ny:], H) for s in (1, -1)]
        found, told = [(a - b) / (2 * step) for a, b in zip(ends[0][:2], ends[1][:2], strict=True)], K @ way
        for claimed, observed in ((told[:ny], found[0]), (told[ny:], found[1])):
            assert np.max(np.abs(observed)) > 1e-4
            assert np.max(np.abs(claimed - observed)) < 1e-6 * np.max(np.abs(observed))
    limp = bench(tissue, bridges(local, dim, mass, stiffness=1e-9)[0], ms.Reduced(5), x, at.held.y, at.held.v, drive)
    assert abs(K - limp.tangent(limp.assembled(y, p, H, tangent=True))).max() > 1e-2 * abs(K).max()  # bridges are stiff


@pytest.mark.parametrize("which", (0, 4), ids=[NAMES[k] for k in (0, 4)])
def test_a_correction_by_the_factors_of_the_one_before_ends_at_the_same_place(which, monkeypatch):
    element, dim, local = TISSUES[which]
    bridge, x = bridges(local, dim, 0.7)
    tissue = ContinuumTissue(
        Irregular((1.0, 1.2, 0.8)[:dim], (3, 2, 2)[:dim], (1.0, *np.zeros(dim - 1))),
        MooneyRivlin(1.0, 0.3),
        bulk=20.0,
        density=1.5,
        local=local,
        element=element,
        conditions=[Clamp("x0"), Pressure("x1", -0.5)],
    )
    ends = []
    for sure in (1e4, 0.0):
        monkeypatch.setattr(newton, "_SURE", sure)
        at = bench(tissue, bridge, ms.Reduced(5), x, 0.0, 0.0, ms.Free())
        found = at.solver.step(at.z, at.mass, at.held, 0.0, H, at.held.y)
        ends.append(found.held.y)
        assert found.converged and (at.solver.solves < found.iterations) == (sure > 0)
        assert sure or found.iterations <= 4, found.residuals  # Newton's own corrections are exact
    assert np.max(np.abs(ends[0])) > 0.01
    np.testing.assert_allclose(*ends, rtol=0, atol=1e-12)


def test_a_residual_is_judged_by_the_forces_where_the_step_ends():
    """Not by those of an iteration that went far off, which an exponential material makes a thousand times as great."""
    tissue = ContinuumTissue(
        Block((1.0, 1.0, 1.0), (2, 2, 2)),
        Guccione(2.0, 8.0, 2.0, 4.0),
        bulk=1e3,
        conditions=[Clamp("x0"), Traction("x1", 5.7 * np.array([1.0, 0.0, 0.3]))],
    )
    at = bench(tissue, LinearBridge(mass=0.0, stiffness=0.0, gain=1.0), ms.Reduced(1), np.zeros(1), 0.0)
    found = at.solver.step(at.z, at.mass, at.held, 0.0, 0.0, at.held.y)
    assert found.converged and max(found.residuals) > 0.5  # it did go far
    made = at.assembled(found.held.y, found.held.p, 0.0, tangent=True)
    free = vector(at.solver.layout.displacements, at.solver.layout.number, made.r)
    assert np.max(np.abs(free)) < 2 * newton.SMALL * made.largest


@pytest.mark.parametrize("count", (3, 4, 5, 8, 11))
def test_chunks_of_points_are_all_of_them(count):
    """Each once and in its place, whether chunks come out even or the last one overlaps; also what a tree leaves out."""
    x = {
        "a": jnp.arange(2.0 * count).reshape(count, 2),
        "none": None,
        "keys": jax.random.split(jax.random.key(1), count),
    }
    one = lambda part: (part["a"] @ part["a"], jax.random.normal(part["keys"]), None)
    for told, found in zip(jax.vmap(one)(x), in_chunks(one, x, 4), strict=True):
        assert told is found is None or np.array_equal(told, found)


MU, KAPPA, STIFF, GAIN, HEADS, AT = 1.0, 10.0, 0.8, 1.3, 2.0, 0.4
FIBRE = np.array([0.6, 0.8])


def manufactured(X):
    """Two shears one after the other: J = 1."""
    moved = 0.15 * jnp.sin(2.0 * X[1] + 0.3)
    return jnp.array([moved, 0.2 * jnp.cos(1.5 * (X[0] + moved))])


def density(F):
    """Neo-Hookean in plane strain, and linear bridges whose mean extension is AT at rest, per area."""
    J = F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0]
    stretch = jnp.linalg.norm(F @ FIBRE)
    passive = 0.5 * MU * ((jnp.sum(F**2) + 1.0) / J ** (2 / 3) - 3.0) + 0.5 * KAPPA * (J - 1.0) ** 2
    return passive + 0.5 * HEADS * STIFF * (AT + GAIN * (stretch - 1.0)) ** 2


@jax.vmap
def body_force(X):
    """−Div P."""
    stress = lambda X: jax.grad(density)(jnp.eye(2) + jax.jacfwd(manufactured)(X))
    return -jnp.trace(jax.jacfwd(stress)(X), axis1=1, axis2=2)


def error(element, cells):
    """L2 error of the displacement."""
    tissue = ContinuumTissue(
        Irregular((1.0, 1.0), (cells, cells), tuple(FIBRE.tolist()), shift=0.1) if cells else Block((1.0, 1.0), (1, 1)),
        NeoHookean(MU),
        bulk=KAPPA,
        bridges=HEADS,
        element=element,
        conditions=[Clamp(side) for side in SIDES[2]],
    )
    space = tissue.space
    X = jnp.asarray(space.places).reshape(-1, 2)
    force = np.asarray(body_force(X)).reshape(space.places.shape)
    rows = space.nodes[:, :, None] * 2 + np.arange(2)
    load = vector(tissue.ny, rows, np.einsum("eq,qa,eqi->eai", space.dx, space.values, force))
    exact = np.asarray(jax.vmap(manufactured)(jnp.asarray(space.locations)))
    at = bench(
        tissue,
        LinearBridge(mass=0.0, stiffness=STIFF, gain=GAIN),
        ms.Reduced(1),
        np.array([AT]),
        0.0,
        drive=ms.QuasiStatic(load),
    )
    held = (at.solver.layout.number < 0).reshape(-1, 2)
    begin = at.held._replace(y=np.where(held, exact, 0.0).ravel())
    found = at.solver.step(at.z, at.mass, begin, 0.0, 0.0, exact.ravel())
    assert found.converged and not np.array_equal(found.held.y, exact.ravel())
    u = np.einsum("qa,eai->eqi", space.values, found.held.y.reshape(-1, 2)[space.nodes])
    missed = u - np.asarray(jax.vmap(manufactured)(X)).reshape(u.shape)
    return float(np.sqrt(np.sum(space.dx * np.sum(missed**2, axis=-1))))


@pytest.mark.parametrize(("element", "order"), [("Q1/P0", 2), ("Q2/Q1", 3), ("P2/P1", 3)])
def test_displacements_converge_at_the_order_of_their_elements(element, order):
    errors = [error(element, cells) for cells in (4, 8)]
    observed = np.log2(errors[0] / errors[1])
    print(f"{element}: errors {errors}, observed order {observed:.2f}")
    assert errors[0] < 0.01
    assert abs(observed - order) < 0.3
