"""Claims about finite-element tissue where the answer is known: small bridge mass, one column of cells, closed forms of materials; and where
coupling goes wrong if it is done in turns.

The load-bearing test is `test_a_column_of_cells_is_a_chain_of_elements`: the same equations, written down here for a chain and stepped by
another integrator, must give the same motion.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from continua import bench, block, fibre_bridge, lengthwise, no_pardiso, spinning
from scipy.spatial.transform import Rotation

import myoscale as ms
from myoscale import implicit
from myoscale.errors import InputError, StoppedError
from myoscale.implicit import points
from myoscale.model.tissue import AbstractTissue
from myoscale.tissue import (
    Clamp,
    ContinuumTissue,
    FibreReinforced,
    Guccione,
    MooneyRivlin,
    Motion,
    NeoHookean,
    Tie,
    Traction,
)
from myoscale.tissue.shapes import Block
from myoscale.zoo import LinearBridge


@pytest.fixture(autouse=True)
def _float64(monkeypatch):
    no_pardiso(monkeypatch)
    with jax.enable_x64(True):
        yield


def test_light_bridges_are_the_classical_active_stress_at_rate_one_in_m():
    tissue = block(dt=0.02)
    y, v = spinning(tissue)

    def end(mass):
        start = ms.Start(y, v, x=lengthwise())
        return ms.solve(ms.Model(tissue, fibre_bridge(mass)), ms.Reduced(4), start, t1=0.4, save=2).y[-1]

    classical = end(0.0)
    masses = (1e-3, 5e-4, 2.5e-4)
    errors = np.array([np.max(np.abs(end(m) - classical)) for m in masses])
    observed = np.log2(errors[:-1] / errors[1:])
    print(f"m {masses}: errors {errors}, observed rates {observed}")
    assert errors[-1] > 1e-6
    assert np.all(np.abs(observed - 1.0) < 0.1)


N, LENGTH, AREA, MU, KAPPA, DENSITY, HEADS, REACH = 3, 0.7, 0.8 * 0.6, 1.0, 5.0, 3.0, 2.0, 1.3


class Chain(AbstractTissue):
    """N segments in series, clamped at one end: neo-Hookean in confined stretch λ, ½μ(λ^(−2/3)(λ² + 2) − 3) + ½κ(λ − 1)², ends of segments as coordinates."""

    mass_matrix: np.ndarray

    def __init__(self):
        lumped = np.zeros((N + 1, N + 1))
        for k in range(N):  # velocity linear along each segment
            lumped[k : k + 2, k : k + 2] += DENSITY * AREA * LENGTH / 6 * np.array([[2.0, 1.0], [1.0, 2.0]])
        self.mass_matrix = lumped[1:, 1:]

    @property
    def heads(self):
        return jnp.full(N, HEADS * AREA * LENGTH)

    def kinematics(self, y):
        return (1.0 + jnp.diff(jnp.concatenate([jnp.zeros(1), y])) / LENGTH)[:, None]

    def energy(self, y):
        stretch = self.kinematics(y)[:, 0]
        isochoric = 0.5 * MU * (stretch ** (-2 / 3) * (stretch**2 + 2.0) - 3.0)
        return AREA * LENGTH * jnp.sum(isochoric + 0.5 * KAPPA * (stretch - 1.0) ** 2)


@pytest.mark.parametrize(("mass", "dt"), [(0.0, 0.025), (0.7, 0.1)])
def test_a_column_of_cells_is_a_chain_of_elements(mass, dt):
    bridge, law = LinearBridge(mass=mass, stiffness=0.8, gain=REACH), ms.Normal(0.3, 0.5)
    begin, rate = np.array([0.05, 0.2, 0.15]), np.array([0.3, -0.1, 0.2])
    chain = ms.solve(
        ms.Model(Chain(), bridge), ms.MomentClosure(), ms.Start(begin, rate, x=law), t1=0.6, save=6, tolerance=1e-11
    )
    column = ContinuumTissue(
        Block((N * LENGTH, 0.8, 0.6), (N, 1, 1)),
        NeoHookean(MU),
        bulk=KAPPA,
        density=DENSITY,
        bridges=HEADS,
        conditions=[
            Clamp("x0"),
            *(Clamp(side, (c,)) for c, name in ((1, "y"), (2, "z")) for side in (name + "0", name + "1")),
        ],
        order=6,
        dt=dt,
    )
    section = np.rint(column.space.locations[:, 0] / LENGTH).astype(int)
    y, v = np.zeros((2, column.space.count, 3))
    y[:, 0], v[:, 0] = np.append(0.0, begin)[section], np.append(0.0, rate)[section]
    model = ms.Model(column, bridge)
    sol = ms.solve(model, ms.MomentClosure(), ms.Start(y.ravel(), v.ravel(), x=law), t1=0.6, save=6)
    for k in range(N):
        ends = sol.y.reshape(6, -1, 3)[:, section == k + 1, 0]
        assert np.ptp(ends, axis=1).max() < 1e-12  # sections stay plane
        missed = np.max(np.abs(ends - chain.y[:, k : k + 1]))
        print(f"m = {mass}, section {k + 1}: off by {missed:.1e} of {np.ptp(chain.y[:, k]):.2f}")
        assert missed < 1e-8
    np.testing.assert_allclose(sol.force.reshape(6, N, -1).sum(axis=2), chain.force[:, :, 0], atol=1e-7)
    for name in ("kinetic_tissue", "kinetic_bridges", "passive", "bridges"):
        np.testing.assert_allclose(getattr(sol.energy, name), getattr(chain.energy, name), atol=1e-7)


def pulled(stiffness=3.0):
    """One cell that may stretch and thin, with bridges along it that are stiffer than its passive tissue: κ₁ℓ²n_b against 3μ."""
    return ContinuumTissue(
        Block((1.0, 1.0, 1.0), (1, 1, 1)),
        NeoHookean(1.0),
        bulk=50.0,
        bridges=2.0,
        conditions=[
            Clamp("x0", (0,)),
            Clamp("y0", (1,)),
            Clamp("z0", (2,)),
            Traction("x1", lambda t: jnp.array([0.4, 0.0, 0.0]) * jnp.sin(t)),
        ],
    ), LinearBridge(mass=0.0, stiffness=stiffness, gain=1.0)


def test_an_active_stress_one_step_behind_blows_up_and_sooner_with_smaller_steps(monkeypatch):
    tissue, bridge = pulled()
    at = bench(tissue, bridge, ms.Reduced(1), np.zeros(1), 0.0)
    begin = implicit.begin(at.solver, at.z, at.held.y, at.held.v, 1.0)
    places = tissue.space.locations
    corner = 3 * int(np.flatnonzero(places[:, 0] == 1.0)[0])

    def walk(dt, steps):
        """Stretch after each step; ends where Newton's method does."""
        standing, found = begin, []
        for _ in range(steps):
            out = at.solver.step(standing.z, standing.mass, standing.held, standing.t, dt, standing.held.y)
            if not out.converged:
                break
            standing = standing._replace(t=standing.t + dt, held=out.held)
            found.append(out.held.y[corner])
        return np.array(found)

    whole = {dt: walk(dt, round(1.0 / dt)) for dt in (0.1, 0.05, 0.025)}
    ends = [path[-1] for path in whole.values()]
    assert [len(path) for path in whole.values()] == [10, 20, 40] and ends[0] > 0.02
    np.testing.assert_allclose(
        ends, ends[0], rtol=1e-9
    )  # bridges that only stretch remember nothing: no error of steps

    forces = points.equilibrium

    def behind(model, population, z, q0, q1, sloped):
        """The force of the step before, without its stiffness."""
        force = forces(model, population, z, q0, q0).force
        return points.Pulls(force, jnp.zeros((*force.shape, 1)) if sloped else None)

    monkeypatch.setattr(points, "equilibrium", behind)
    times = []
    for dt, path in whole.items():
        turns = walk(dt, len(path))
        off = np.abs(turns - path[: len(turns)])
        out = np.flatnonzero(off > 0.05)
        assert len(out)
        times.append((out[0] + 1) * dt)
        growth = off[1 : out[0] + 1] / off[: out[0]]
        print(f"dt {dt}: off by 0.05 at t = {times[-1]:.3f}, growth a step {growth}")
        if dt < 0.1:  # κ₁ℓ²n_b over Young's modulus, once the first steps are forgotten
            assert abs(math.sqrt(growth[-1] * growth[-2]) - 6.0 / (450.0 / 151.0)) < 0.2
    assert times[0] > times[1] > times[2]


def cauchy(material, F, fibre=(1.0, 0.0, 0.0)):
    """σ without the pressure of the tissue."""
    F, slope = jnp.asarray(F), jax.grad(lambda C: material.energy(C, jnp.asarray(fibre)))
    S = slope(F.T @ F)
    return np.asarray(F @ (S + S.T) @ F.T / jnp.linalg.det(F))


STRETCHES = (0.6, 1.0, 1.7)
ISOTROPIC = [(NeoHookean(1.6), 0.8, 0.0), (MooneyRivlin(0.7, 0.3), 0.7, 0.3)]


@pytest.mark.parametrize(("material", "c1", "c2"), ISOTROPIC, ids=["NeoHookean", "MooneyRivlin"])
def test_isotropic_materials_follow_rivlin(material, c1, c2):
    for stretch in STRETCHES:
        s = cauchy(material, np.diag([stretch, stretch**-0.5, stretch**-0.5]))
        told = 2.0 * (stretch**2 - 1.0 / stretch) * (c1 + c2 / stretch)
        np.testing.assert_allclose([s[0, 0] - s[1, 1], s[0, 0] - s[2, 2]], told, atol=1e-12)
    for shear in (0.3, -1.2):
        s = cauchy(material, np.array([[1.0, shear, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
        assert abs(s[0, 1] - 2 * (c1 + c2) * shear) < 1e-12
        assert abs(s[0, 0] - s[1, 1] - 2 * (c1 + c2) * shear**2) < 1e-12
        assert abs(s[1, 1] - s[2, 2] + 2 * c2 * shear**2) < 1e-12
    F = np.array([[1.2, 0.3, 0.0], [-0.1, 0.9, 0.2], [0.1, 0.0, 1.1]])
    assert abs(np.trace(cauchy(material, F))) < 1e-12  # volume is left to the pressure
    energy = lambda F: float(material.energy(jnp.asarray(F.T @ F), jnp.zeros(3)))
    assert abs(energy(1.3 * F) - energy(F)) < 1e-12 and energy(F) > 0.01


def test_fibres_resist_extension_alone():
    mu, a, b = 0.5, 2.0, 1.5
    material = FibreReinforced(mu, a, b)
    fibre = np.array([0.6, 0.0, 0.8])
    frame = np.column_stack([fibre, [0.8, 0.0, -0.6], [0.0, 1.0, 0.0]])
    for stretch in STRETCHES:
        F = frame @ np.diag([stretch, stretch**-0.5, stretch**-0.5]) @ frame.T
        s = frame.T @ cauchy(material, F, fibre) @ frame
        ground = mu * (stretch**2 - 1.0 / stretch)
        fibres = (
            2.0 * a * stretch**2 * (stretch**2 - 1.0) * math.exp(b * (stretch**2 - 1.0) ** 2) if stretch > 1 else 0.0
        )
        np.testing.assert_allclose(s[0, 0] - s[1, 1], ground + fibres, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(s[1, 1], s[2, 2], atol=1e-12)
        assert abs(s[0, 1]) < 1e-12


def test_guccione_is_its_formula_by_components():
    c, bf, bt, bfs = 2.0, 8.0, 2.0, 4.0
    material = Guccione(c, bf, bt, bfs)
    frame = Rotation.from_rotvec([0.7, -0.3, 1.1]).as_matrix()  # columns: fibre, sheet, normal
    F = np.eye(3) + 0.2 * np.random.default_rng(2).uniform(-1, 1, (3, 3))
    E = frame.T @ (0.5 * (F.T @ F - np.eye(3))) @ frame
    (ff, fs, fn), (_, ss, sn), (_, _, nn) = E
    Q = bf * ff**2 + bt * (ss**2 + nn**2 + 2 * sn**2) + bfs * 2 * (fs**2 + fn**2)
    assert Q > 0.05
    np.testing.assert_allclose(
        material.energy(jnp.asarray(F.T @ F), jnp.asarray(frame[:, 0])), 0.5 * c * (math.exp(Q) - 1), rtol=1e-12
    )
    second = (
        c
        * math.exp(Q)
        * np.array([[bf * ff, bfs * fs, bfs * fn], [bfs * fs, bt * ss, bt * sn], [bfs * fn, bt * sn, bt * nn]])
    )
    told = F @ frame @ second @ frame.T @ F.T / np.linalg.det(F)
    np.testing.assert_allclose(cauchy(material, F, frame[:, 0]), told, rtol=1e-11)


def test_a_pulled_cell_carries_the_uniaxial_stress_of_tissue_and_bridges():
    bridge = LinearBridge(mass=0.0, stiffness=0.4, gain=1.3)
    tissue = ContinuumTissue(
        Block((1.0, 0.9, 0.8), (1, 1, 1)),
        NeoHookean(1.6),
        bulk=1e6,
        bridges=2.0,
        conditions=[Clamp("x0", (0,)), Clamp("y0", (1,)), Clamp("z0", (2,)), Motion("x1", 0, lambda t: 0.5 * t)],
    )
    start = ms.Start(np.zeros(24), np.zeros(24), x=np.array([0.1, 0.3]))
    sol = ms.solve(ms.Model(tissue, bridge), ms.Reduced(2), start, t1=1.0, save=5, drive=ms.QuasiStatic())
    there = np.flatnonzero(tissue.space.locations[:, 0] == 1.0)
    stretch = 1.0 + sol.y[:, 3 * there[0]]
    np.testing.assert_allclose(stretch, 1.0 + 0.5 * sol.ts, atol=1e-14)
    found = sol.reaction[:, 3 * there].sum(axis=1) / (0.9 * 0.8)
    told = 1.6 * (stretch - stretch**-2) + 2.0 * 1.3 * 0.4 * (0.2 + 1.3 * (stretch - 1.0))
    np.testing.assert_allclose(found, told, rtol=1e-5)
    np.testing.assert_allclose(
        sol.force.sum(axis=(1, 2)) / 0.72, -2.0 * 1.3 * 0.4 * (0.2 + 1.3 * (stretch - 1.0)), rtol=1e-9
    )


CUBE, SOFT = Block((1.0, 1.0, 1.0), (1, 1, 1)), NeoHookean(1.0)
MISTAKES = {
    "shear": (lambda: NeoHookean(-1.0), r"shear > 0.*-1"),
    "c1": (lambda: MooneyRivlin(0.0, 1.0), r"c1 > 0"),
    "c2": (lambda: MooneyRivlin(1.0, -0.1), r"c2 ≥ 0"),
    "fibre stiffness": (lambda: FibreReinforced(1.0, -1.0, 1.0), r"fibre_stiffness ≥ 0"),
    "fibre exponent": (lambda: FibreReinforced(1.0, 1.0, 0.0), r"fibre_exponent > 0"),
    "bt": (lambda: Guccione(1.0, 1.0, math.nan, 1.0), r"bt > 0.*nan"),
    "bulk": (lambda: ContinuumTissue(CUBE, SOFT, bulk=-1.0), r"bulk > 0.*-1"),
    "density": (lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, density=-1.0), r"density ≥ 0"),
    "bridges": (lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, bridges=-1.0), r"bridges"),
    "dt": (lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, dt=0.0), r"dt > 0"),
    "order": (lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, order=3), r"order 2, 4 or 6"),
    "element": (lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, element="Q2/P1"), r"'Q2/P1'.*did you mean '.2/.1'"),
    "stepper": (lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, stepper="mid point"), r"did you mean 'midpoint'"),
    "boundary": (
        lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, conditions=[Clamp("x2")]),
        r"Clamp.*'x2', which Block.*did you mean 'x[01]'",
    ),
    "component": (
        lambda: ContinuumTissue(CUBE, SOFT, bulk=1.0, conditions=[Motion("x1", 3, 0.0)]),
        r"components from 0 to 2.*3",
    ),
    "all held": (lambda: solved([Clamp("x0"), Clamp("x1")]), r"hold them all"),
    "tied and clamped": (lambda: solved([Clamp("x0", (0,)), Tie("x0", 0)]), r"Tie\('x0', 0\).*Clamp or Motion"),
    "moved twice": (
        lambda: solved([Motion("x1", 0, 0.1), Motion("y1", 0, 0.1)]),
        r"prescribed once.*Motion\('x1'\), Motion\('y1'\)",
    ),
    "no density": (lambda: solved([Clamp("x0")], drive=ms.Free()), r"density > 0 for a drive with inertia"),
    "length": (lambda: solved([Clamp("x0")], drive=ms.Length(lambda t: t, dofs=(0,))), r"Free or QuasiStatic.*Length"),
    "constrained": (lambda: solved([Clamp("x0")], level=ms.Constrained(2)), r"multipliers"),
}


def solved(conditions, drive=None, level=None):
    tissue = ContinuumTissue(CUBE, SOFT, bulk=1.0, conditions=conditions)
    start = ms.Start(np.zeros(24), np.zeros(24), x=np.zeros(2))
    drive, level = ms.QuasiStatic() if drive is None else drive, ms.Reduced(2) if level is None else level
    return ms.solve(
        ms.Model(tissue, LinearBridge(mass=0.0, stiffness=1.0, gain=1.0)), level, start, t1=1.0, save=2, drive=drive
    )


@pytest.mark.parametrize(("make", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_a_motion_that_cannot_be_made_stops_where_it_is_with_what_there_is():
    tissue = ContinuumTissue(
        Block((1.0, 1.0), (2, 1)),
        SOFT,
        bulk=10.0,
        conditions=[Clamp("x0"), Motion("x1", 0, lambda t: -2.0 * t), Clamp("x1", (1,))],
    )
    # Both ends are held sideways: at t = 0.5 nothing is left of the length.
    start = ms.Start(np.zeros(12), np.zeros(12), x=np.zeros(1))
    model = ms.Model(tissue, LinearBridge(mass=0.0, stiffness=1.0, gain=1.0))
    with pytest.raises(StoppedError, match=r"stops at t = 0\.\d+") as caught:
        ms.solve(model, ms.Reduced(1), start, t1=1.0, save=11, drive=ms.QuasiStatic())
    sol = caught.value.solution
    assert 3 <= len(sol.ts) <= 6 and sol.y.shape == (len(sol.ts), 12)
    print(caught.value)
