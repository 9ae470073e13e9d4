"""Linear elements in series are coupled oscillators: normal modes, and for equal elements a formula for their frequencies.

Load-bearing: `test_chains_follow_their_normal_modes`, with unequal heads and rest lengths and a load;
`test_frequencies_of_equal_elements` holds the normal modes to the formula, and `test_one_element_is_the_lumped_one` the
chain to the other tissues.
"""

import functools

import numpy as np
import pytest

import myoscale as ms
from myoscale.zoo import LinearExact

ONE = {"elements": 1}
UNEQUAL = {
    "elements": 3,
    "rest": np.array([0.1, -0.2, 0.3]),
    "heads": np.array([1.0, 2.5, 0.5]),
    "q": np.array([1.0, 0.2, -0.6]),
}
MANY = {"elements": 50}
LOAD = np.array([0.2, -0.1, 0.4])
RUNS = {
    "one": (ONE, ms.Reduced(1_000), 0.0),
    "three": (UNEQUAL, ms.Reduced(100), LOAD),
    "three, density": (UNEQUAL, ms.Kinetic(64), LOAD),
    "many": (MANY, ms.Reduced(100), 0.0),
    "many, moments": (MANY, ms.MomentClosure(), 0.0),
}


@functools.cache
def run(name):
    parameters, level, load = RUNS[name]
    model, start = ms.zoo.chain(**parameters)
    drive = ms.Free() if np.ndim(load) == 0 else ms.Free(load)
    return ms.solve(model, level, start, t1=60.0, drive=drive)


@pytest.mark.parametrize("name", RUNS)
def test_chains_follow_their_normal_modes(name):
    solution, (parameters, level, load) = run(name), RUNS[name]
    mean = solution.populations(0.0).mean
    exact = LinearExact(solution.scenario.model, solution.scenario.start, mean=mean, load=load)
    y, v = exact(solution.ts)
    assert y.shape == solution.y.shape == (201, parameters["elements"])
    assert np.ptp(y[:, -1]) > 0.1
    assert len(set(mean[:, 0])) == (len(mean) if isinstance(level, ms.Reduced) else 1), "the same sample twice"
    tolerance = 1e-6 if isinstance(level, ms.Kinetic) else 1e-8
    assert np.abs(solution.y - y).max() <= tolerance * np.abs(y).max()  # fifty elements are 59 long
    assert np.abs(solution.v - v).max() <= tolerance
    assert solution.energy.drift <= 1e-8


@pytest.mark.parametrize("elements", [1, 3, 50])
def test_frequencies_of_equal_elements(elements):
    """ω_k² = (κ₀ + κ₁γ²)s_k/(M₀ + mγ²s_k), s_k = 4 sin²((2k − 1)π/(4P + 2)) the spectrum of a fixed-free chain."""
    s = 4 * np.sin((2 * np.arange(1, elements + 1) - 1) * np.pi / (4 * elements + 2)) ** 2
    found = ms.zoo.problem("chain", elements=elements, m=7.0, kappa1=2.0, gamma=-1.5).exact.frequencies
    np.testing.assert_allclose(found, np.sqrt((1 + 2 * 1.5**2) * s / (20 + 7 * 1.5**2 * s)), rtol=1e-11)


def test_a_held_chain_of_two_is_one_mass_between_two_springs():
    tissue = ms.ChainTissue(masses=np.array([3.0]), springs=np.array([2.0, 5.0]), rest=np.array([0.3, -0.1]), held=True)
    model = ms.Model(tissue, ms.zoo.LinearBridge(mass=1.0, stiffness=2.0, gain=-1.0))
    exact = LinearExact(model, ms.Start(np.array([0.5]), np.array([0.0]), x=ms.Normal(2.0, 1.0)))
    # Both elements pull equally at first: q = ±y, so that the bridges' means cancel. Their springs and masses add.
    stiffness, mass = 2.0 + 5.0 + 2 * 2.0, 3.0 + 2 * 1.0
    middle = (2.0 * 0.3 + 5.0 * 0.1 + 2 * 2.0 * 0.5) / stiffness
    t = np.linspace(0, 10, 51)
    expected = middle + (0.5 - middle) * np.cos(np.sqrt(stiffness / mass) * t)
    np.testing.assert_allclose(exact.y(t)[:, 0], expected, atol=1e-13)


def test_one_element_is_the_lumped_one():
    """The same bits in, the same motion out, to rounding: `ChainTissue`, `SpringMass` and `LumpedTissue` of one coordinate."""
    chain, level = run("one"), RUNS["one"][1]
    model, start = ms.zoo.linear()
    lumped = ms.LumpedTissue(mass_matrix=np.array([[20.0]]), stiffness=np.array([[1.0]]))
    for tissue in (model.tissue, lumped):
        other = ms.solve(ms.Model(tissue, model.bridge), level, start, t1=60.0)
        assert np.array_equal(other.populations(0.0).points, chain.populations(0.0).points)
        assert np.abs(other.y - chain.y).max() <= 1e-14 * np.abs(chain.y).max()
        assert np.abs(other.v - chain.v).max() <= 1e-14
