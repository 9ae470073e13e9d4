"""Duke's three states: what detailed balance asks of rates, and what it then says of energy (theory.md section 8).

Load-bearing: `test_the_cycle_is_driven_by_atp_alone` (rates alone, no energies of the code) and `test_free_energy_never_rises` (the free energy
counted here from the populations, by its definition).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale.protocol import Hold, Load, Ramp, Release

KAPPA, KT = 1.3, 4.1
GENTLE = {"G1": -1.0, "Gs": -3.0, "GATP": 0.0, "k_s": 200.0, "k_d": 50.0, "k_a": 500.0, "stroke": 4.0}


def model(**parameters):
    bridge = ms.zoo.LinearBridge(0.0, KAPPA, np.asarray(1.0), cycling=ms.Duke1999(**parameters))
    return ms.Model(ms.SpringMass(mass=1e-5, stiffness=0.0), bridge)


@pytest.mark.parametrize("atp", [24.0, 5.0, 0.0])
def test_the_cycle_is_driven_by_atp_alone(atp):
    with jax.enable_x64(True):
        scheme = ms.Duke1999(GATP=atp)
        rates = np.asarray(jax.vmap(scheme.generator)(jnp.linspace(-18.0, 18.0, 721)))
    forth = rates[:, 0, 1] * rates[:, 1, 2] * rates[:, 2, 0]
    back = rates[:, 1, 0] * rates[:, 2, 1] * rates[:, 0, 2]
    np.testing.assert_allclose(np.log(forth / back), atp, rtol=0, atol=1e-12)


def test_each_transition_keeps_its_balance():
    """With springs written out here: rest at ±d/2, the stroke's and attachment's own free energies."""
    x = np.linspace(-18.0, 18.0, 301)
    with jax.enable_x64(True):
        rates = np.asarray(jax.vmap(ms.Duke1999().generator)(jnp.asarray(x)))
    first = -3.0 + 0.5 * KAPPA * (x - 4.5) ** 2 / KT
    second = -18.0 + 0.5 * KAPPA * (x + 4.5) ** 2 / KT
    for (i, j), fall in {(0, 1): -first, (1, 2): first - second, (2, 0): second + 24.0}.items():
        np.testing.assert_allclose(np.log(rates[:, i, j] / rates[:, j, i]), fall, rtol=1e-12, atol=1e-12)


def free_energy(x, n, weight):
    """Σ p(E + k_T log p) a head, in units of k_T: a node's heads are attached at its own site, in either state, or not."""
    p = np.concatenate([1.0 - n.sum(0, keepdims=True), n])
    work = lambda x: 0.5 * KAPPA * x**2 / KT
    first, second = -1.0 + work(x - 2.0), -4.0 + work(x + 2.0)
    energy = np.stack([0 * x, first, second])
    return np.sum(weight * p * (energy + np.log(np.maximum(p, 1e-300))))


@pytest.mark.parametrize("cells", [24, 96])
def test_equilibrium_is_boltzmanns_in_every_cell(cells):
    """Without ATP, held for long, however coarse the cells: rates are averaged, their balance is not."""
    level = ms.Kinetic(cells, sites=1, dt=2e-3)
    sol = ms.solve(model(**GENTLE), level, ms.Start(0.0), t1=3.0, drive=ms.Protocol([Hold(3.0)]), save=2)
    x, n = sol.z.x[-1, 0], sol.z.n[-1, 0]
    work = lambda x: 0.5 * KAPPA * x**2 / KT
    weights = np.exp(-np.stack([0 * x, -1.0 + work(x - 2.0), -4.0 + work(x + 2.0)]))
    np.testing.assert_allclose(n, (weights / weights.sum(0))[1:], rtol=0, atol=1e-9)
    assert n.max() > 0.9


DRIVES = {
    "isometric": [Hold(0.02)],
    "moved": [Hold(0.004), Ramp(0.8, 0.008), Ramp(-1.2, 0.004), Hold(0.004)],
    "released": [Hold(0.004), Release(-3.0, 0.001), Hold(0.011), Release(2.0, 0.004)],
    "loaded": [Load(0.3, 0.01), Load(-0.5, 0.01)],
}


@pytest.mark.parametrize("drive", DRIVES)
def test_free_energy_never_rises(drive):
    """Without ATP that of heads and tissue only falls, less the work that load, or moving it, takes."""
    solution = ms.solve(
        model(**GENTLE),
        ms.Kinetic(128, sites=1),
        ms.Start(0.0),
        t1=0.02,
        drive=ms.Protocol(DRIVES[drive]),
        save=81,
    )
    z = solution.z
    total = np.array(
        [free_energy(np.asarray(z.x)[i, 0], np.asarray(z.n)[i, 0], np.asarray(z.weight)[i, 0]) for i in range(81)]
    )
    assert solution.cycling.attached[-1, 0] > 0.1 and solution.cycling.lost[-1, 0] < 1e-12
    work = np.asarray(solution.energy.load - solution.energy.kinetic_tissue) / KT
    assert drive == "isometric" or np.abs(np.diff(work)).max() > 1e-3
    assert drive == "isometric" or np.ptp(solution.y[:, 0]) > 0.5
    fall = np.diff(total - work)
    assert fall.max() < 1e-12 and total[-1] - work[-1] < total[0] - 0.1


def test_atp_shortens():
    """It pulls on a spring for as long as there is ATP. Without, the first heads pull as well, and in the end none."""
    reached = {}
    for atp in (12.0, 0.0):
        scheme = ms.Duke1999(**GENTLE | {"GATP": atp})
        bridge = ms.zoo.LinearBridge(0.0, KAPPA, np.asarray(1.0), cycling=scheme)
        tissue = ms.SpringMass(stiffness=0.01)
        level, drive = ms.Kinetic(72, sites=1), ms.QuasiStatic()
        found = ms.solve(ms.Model(tissue, bridge), level, ms.Start(0.0), t1=2.0, drive=drive, save=11)
        reached[atp] = found.y[:, 0], found.cycling.atp[:, 0]
    driven, passive = reached[12.0], reached[0.0]
    assert driven[0][-1] < -0.5 and np.diff(driven[1])[-1] > 0.1
    assert abs(passive[0][-1]) < 1e-3 * abs(driven[0][-1]) and abs(np.diff(passive[1])[-1]) < 1e-3
