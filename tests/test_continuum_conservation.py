"""Claims about steps of motion of finite-element tissue: what they conserve, and at which order they err.

The load-bearing test is `test_a_rotating_block_keeps_energy_and_momentum`: a thousand steps of a free block that stretches and turns, with bridges
that have a mass. Momenta are summed up here, from positions and velocities alone.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from continua import GAIN, MASS, bench, block, fibre_bridge, lengthwise, no_pardiso, spinning

import myoscale as ms
from myoscale import implicit
from myoscale.implicit import points
from myoscale.tissue import ContinuumTissue, DeformationGradient, NeoHookean
from myoscale.tissue.shapes import Block
from myoscale.zoo import ElementBridge

LEVEL = ms.Reduced(4)


@pytest.fixture(autouse=True)
def _float64(monkeypatch):
    no_pardiso(monkeypatch)  # faster for so few unknowns, and the solver of those who have no other
    with jax.enable_x64(True):
        yield


def run(tissue, t1, save, bridge=None):
    y, v = spinning(tissue)
    start = ms.Start(y, v, x=lengthwise())
    return ms.solve(ms.Model(tissue, fibre_bridge() if bridge is None else bridge), LEVEL, start, t1=t1, save=save)


def trend(ts, values):
    """Fitted slope times length, and the scatter about the line."""
    line = np.polyfit(ts, values, 1)
    return abs(line[0]) * (ts[-1] - ts[0]), float(np.std(values - np.polyval(line, ts)))


def momenta(tissue, y, v):
    """Linear, and angular as the antisymmetric Σ M (x ẋᵀ − ẋ xᵀ), of the tissue."""
    d, M = tissue.space.dim, tissue.mass_matrix
    x, u = tissue.space.locations + np.reshape(y, (-1, d)), np.reshape(v, (-1, d))
    push = np.reshape(M @ np.ravel(v), (-1, d))
    return push.sum(axis=0), x.T @ push - push.T @ x, float(np.abs(x).max() * np.abs(push).sum()), u


def test_a_rotating_block_keeps_energy_and_momentum():
    tissue = block(dt=0.02)
    sol = run(tissue, 20.0, 101)
    assert sol.stats.steps >= 1000
    assert np.ptp(sol.energy.passive) > 0.05 and np.ptp(sol.energy.kinetic_bridges) > 0.01  # it does stretch
    balance = sol.energy.balance / np.max(sol.energy.total)
    slope, scatter = trend(sol.ts, balance)
    print(f"energy: drift {sol.energy.drift:.1e}, trend {slope:.1e}, scatter {scatter:.1e}")
    assert sol.energy.drift < 1e-9
    assert slope < max(3 * scatter, 4 * np.finfo(float).eps * sol.stats.steps)  # no more than rounding adds up to
    found = [momenta(tissue, y, v) for y, v in zip(sol.y, sol.v, strict=True)]
    linear, angular = (np.stack([one[k] for one in found]) for k in (0, 1))
    size = found[0][2]
    assert np.max(np.abs(angular[0])) > 0.1 * size and np.max(np.abs(linear[0])) > 0.01 * size
    print(
        f"momentum: linear {np.max(np.abs(linear - linear[0])) / size:.1e}, angular {np.max(np.abs(angular - angular[0])) / size:.1e}"
    )
    assert np.max(np.abs(linear - linear[0])) < 1e-9 * size
    assert np.max(np.abs(angular - angular[0])) < 1e-9 * size


def test_vector_bridges_have_their_share_of_angular_momentum():
    # x = F c: Σ ω m x × ẋ, with F from y and Ḟ the bridges' own velocity. Their energy is quadratic in F; for others the stress along the step,
    # which makes the energy exact, is not one that conserves angular momentum.
    heads, m = 2.0, 0.9
    tissue = ContinuumTissue(
        Block((1.0, 1.2), (2, 1)),
        NeoHookean(1.0),
        bulk=20.0,
        density=1.5,
        bridges=heads,
        local=DeformationGradient(),
        dt=0.02,
    )
    X = tissue.space.locations
    y, v = (X @ [[0.1, 0.2], [0.0, -0.05]]).ravel(), (X @ [[0.3, 0.9], [-1.1, -0.2]] + [0.3, -0.2]).ravel()
    c = 0.3 + 0.6 * np.random.default_rng(4).normal(size=(4, 2))
    at = bench(tissue, ElementBridge(mass=m, stiffness=1.5), ms.Reduced(4), c, y, v, drive=ms.Free())
    F0 = np.asarray(at.tissue.gradient(jnp.asarray(y)))
    c = np.einsum("pij,nj->pni", np.linalg.inv(F0), c)  # the points are where they start
    omega = heads * tissue.space.dx.ravel()

    def all_of(standing):
        held = standing.held
        F, rate = (np.asarray(a).reshape(-1, 2, 2) for a in (held.q, held.u))
        np.testing.assert_allclose(F, at.tissue.gradient(jnp.asarray(held.y)), atol=1e-12)
        x, u = np.einsum("pij,pnj->pni", F, c), np.einsum("pij,pnj->pni", rate, c)
        spin = m / 4 * np.einsum("p,pni,pnj->ij", omega, x, u)
        linear, angular, size, _ = momenta(tissue, held.y, held.v)
        return linear, angular[0, 1], spin[0, 1] - spin[1, 0], size

    standing = implicit.begin(at.solver, at.z, y, v, 0.02)
    seen = [all_of(standing)]
    for _ in range(20):
        standing = implicit.move(at.solver, standing, standing.t + 0.2, 0.02, lambda *_: None)
        seen.append(all_of(standing))
    assert standing.steps >= 200
    linear, tissues, bridges, size = (np.array([one[k] for one in seen]) for k in range(4))
    total = tissues + bridges
    print(
        f"angular: tissue varies {np.ptp(tissues):.1e}, total {np.ptp(total):.1e}; linear {np.ptp(linear, axis=0).max():.1e}; size {size[0]:.2f}"
    )
    assert np.ptp(tissues) > 1e-2 * size[0]  # what they exchange
    assert np.ptp(total) < 1e-9 * size[0]
    assert np.max(np.ptp(linear, axis=0)) < 1e-9 * size[0]


def test_one_way_coupling_is_off_by_the_energy_of_the_bridges():
    tissue = block(dt=0.02)
    model = ms.Model(tissue, fibre_bridge()).one_way()
    sol = run(tissue, 2.0, 21, model.bridge)
    assert sol.energy.drift < 1e-9 and not np.any(sol.energy.kinetic_bridges)  # without m: the ledger closes
    space, a0, d = tissue.space, np.asarray(tissue.fibres), 3
    u, w = (
        np.einsum("eai,eqaj->eqij", a.reshape(-1, d)[space.nodes], space.slopes).reshape(-1, d, d)
        for a in (sol.y[-1], sol.v[-1])
    )
    along, rate = np.einsum("pij,pj->pi", np.eye(d) + u, a0), np.einsum("pij,pj->pi", w, a0)
    speed = GAIN * np.sum(along * rate, axis=1) / np.linalg.norm(along, axis=1)
    end = 0.5 * MASS * 2.0 * space.dx.ravel() @ speed**2
    two_way = run(tissue, 0.02, 2)
    counted = float(two_way.energy.kinetic_bridges[0])  # at the start both agree
    off = (sol.energy.total[-1] + end) - (sol.energy.total[0] + counted)
    print(f"one-way: off by {off:.6f} of {sol.energy.total[0]:.3f}")
    assert abs(off) > 1e-3
    assert abs(off - (end - counted)) < 1e-9
    assert np.max(np.abs(run(tissue, 2.0, 21).y[-1] - sol.y[-1])) > 1e-3  # m matters


def test_a_staggered_one_way_run_drifts(monkeypatch):
    """The force of the bridges held while the tissue moves: energy is made or lost at the first order of dt, and nothing tells."""
    motion, sizes = points.motion, (0.02, 0.01)

    def behind(model, population, z, mass, q0, u0, q1, h, conserving, sloped):
        force = points.equilibrium(model, population, z, q0, q0).force
        return points.Pulls(force, jnp.zeros((*force.shape, 1)) if sloped else None)

    def drift(way, dt):
        monkeypatch.setattr(points, "motion", way)
        tissue = block(dt=dt)
        return run(tissue, 2.0, 6, ms.Model(tissue, fibre_bridge()).one_way().bridge).energy.drift

    together = drift(motion, sizes[0])
    apart = [drift(behind, dt) for dt in sizes]
    print(f"drift: together {together:.1e}, staggered {apart}")
    assert together < 1e-9 and apart[0] > 1e-4
    assert 1.7 < apart[0] / apart[1] < 2.3


def order_of(values):
    """From results at h, h/2, h/4."""
    first, second = (np.max(np.abs(np.asarray(a) - b)) for a, b in itertools.pairwise(values))
    return float(np.log2(first / second)), float(second)


@pytest.mark.parametrize(
    ("stepper", "order", "longest"), [("energy-momentum", 2, 0.02), ("midpoint", 2, 0.02), ("energy-momentum", 4, 0.05)]
)
def test_positions_converge_at_the_order_of_the_stepper(stepper, order, longest):
    runs = [run(block(stepper=stepper, order=order, dt=longest / 2**k), 0.4, 2) for k in range(3)]
    assert [sol.stats.steps for sol in runs] == [round(0.4 / longest) * 2**k for k in range(3)]
    observed, change = order_of([sol.y[-1] for sol in runs])
    print(f"{stepper} of order {order}: observed {observed:.2f}, last change {change:.1e}")
    assert abs(observed - order) < 0.3
    if stepper == "midpoint":
        errors = [abs(sol.energy.balance[-1]) for sol in runs]
        observed = float(np.log2(errors[1] / errors[2]))
        print(f"energy errors of midpoint {errors}, observed {observed:.2f}")
        assert errors[-1] > 1e-8
        assert abs(observed - 2) < 0.3
    else:
        assert max(sol.energy.drift for sol in runs) < 1e-10
