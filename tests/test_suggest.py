"""Suggestions: predictions against closed forms and runs, choices that hold, and mistakes.

Load-bearing: `test_random_bridges_by_the_exact_variance` and `test_choice_is_verified`.
"""

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import norm

import myoscale as ms
from myoscale import zoo
from myoscale.errors import InputError
from myoscale.study.limits import final_y, search
from myoscale.study.limits.suggest import suggest
from myoscale.study.limits.suggestion import Candidate, Suggestion, Tried

LINEAR, BENT = zoo.problem("linear"), zoo.problem("bent")


def test_random_bridges_by_the_exact_variance():
    """The linear example's limit and its scatter are known: y(t), and Var y_N = ((1 − cos ωt)/2)² Var x/N; samples bear the choice out."""
    t1, within, chance = 36.0, 0.3, 0.9
    found = suggest(LINEAR.model, LINEAR.start, t1=t1, within=within, chance=chance, levels=["random"], verify=True)
    assert found.value == pytest.approx(float(np.ravel(LINEAR.exact(t1)[0])[0]), abs=1e-7)
    variance = float(np.ravel(LINEAR.start.x.covariance())[0]) * ((1 - math.cos(math.sqrt(2 / 30) * t1)) / 2) ** 2
    wanted = variance * (norm.ppf((1 + chance) / 2) / within) ** 2
    assert found.choice.level.n == math.ceil(wanted)
    assert found.choice.error == pytest.approx(within, rel=1e-2) and found.choice.error <= within
    spread = 3 * math.sqrt(chance * (1 - chance) / 48)
    assert found.right and abs(found.verified.share - chance) < spread and "runs are within" in str(found)
    assert found.verified.next_error > within and found.verified.against.n == found.choice.level.n // 2


@pytest.fixture(scope="module")
def bent():
    return suggest(
        BENT.model,
        BENT.start,
        t1=4.0,
        within=1e-4,
        levels=["characteristics", "quantile", "sobol"],
        verify=True,
    )


def test_choice_is_verified(bent):
    """What is predicted is what `solve` gives, smaller sizes fail, and there is a reason for each level that is left out."""
    run = lambda level: float(ms.solve(BENT.model, level, BENT.start, t1=4.0, save=2, tolerance=1e-10).y[-1, 0])
    truth = run(ms.Characteristics(100))
    assert bent.value == pytest.approx(truth, abs=1e-9) and bent.sure < 1e-5
    gauss = next(one for one in bent.candidates if isinstance(one.level, ms.Characteristics))
    sizes, errors = bent.tried["characteristics"].sizes, bent.tried["characteristics"].errors
    k = list(sizes).index(gauss.level.nodes)
    assert abs(run(gauss.level) - truth) == pytest.approx(errors[k], abs=1e-7)
    assert np.all(errors[k:] <= 1e-4) and errors[k - 1] > 1e-4
    quantile = next(one for one in bent.candidates if isinstance(one.level, ms.Reduced))
    assert quantile.meets and abs(run(quantile.level) - truth) <= 1e-4
    assert dict(bent.excluded)["sobol"].startswith("in one dimension")
    assert bent.right, str(bent)


def test_files(bent, tmp_path):
    import xarray as xr

    data = xr.open_dataset(bent.save(tmp_path / "suggestion.nc"), engine="h5netcdf")
    assert list(data.candidate.values) == [one.level.label for one in bent.candidates]
    np.testing.assert_array_equal(data.error, [one.error for one in bent.candidates])
    assert bent.as_dict()["choice"] == bent.choice.level.label and bent.as_dict()["verified"]["right"]
    assert len(bent.figure().axes) == 2


def test_an_error_that_vanishes_by_accident_does_not_count():
    tried = Tried(np.array([2, 4, 8, 16]), np.array([0.5, 0.0, 0.1, 0.01]))
    np.testing.assert_array_equal(tried.envelope, [0.5, 0.1, 0.1, 0.01])
    assert tried.first(lambda error: error < 0.05) == 3 and tried.first(lambda error: error < 1e-3) is None


def test_choice_and_verdict(bent):
    """The cheapest that meets; within a fifth, the nearest to the limit; a next cheaper one that is as good and faster makes it wrong."""
    one = lambda nodes, error, cost, meets=True, smaller=None: Candidate(
        ms.Characteristics(nodes), error, cost, 1.0, "run", meets, smaller
    )
    pick = lambda *candidates: dataclasses.replace(bent, candidates=tuple(sorted(candidates, key=lambda c: c.cost)))
    fast, near, slow, bad = one(2, 5e-5, 1.0), one(3, 1e-6, 1.1), one(4, 0.0, 1.3), one(5, 1.0, 0.1, False)
    assert pick(fast, near, slow, bad).choice is near and pick(fast, slow, bad).choice is fast
    words = " ".join(str(pick(bad)).split())  # lines break where the numbers leave room
    assert pick(bad).choice is None and pick(bad).right is None and "none of these" in words
    assert pick(fast, bad).next_cheaper == bad.level and pick(fast).next_cheaper is None
    assert pick(one(8, 0.0, 1.0, smaller=ms.Characteristics(6)), bad).next_cheaper == ms.Characteristics(6)
    seen = dataclasses.replace(bent.verified, error=1e-6, cost=1.0, against=bad.level, next_cost=0.5)
    verdict = lambda **changes: (
        dataclasses.replace(pick(fast, bad), verified=dataclasses.replace(seen, **changes)).right
    )
    assert verdict(next_error=1.0) and not verdict(next_error=1e-5) and verdict(next_error=1e-5, next_cost=0.9)
    assert not verdict(error=2e-3, next_error=1.0) and verdict(next_error=1.0, share=0.92)
    assert not verdict(next_error=1.0, share=0.5)
    assert isinstance(bent, Suggestion)


def test_heads_that_attach_and_detach():
    """A closure is told by one run to be too far off, cells by two sizes in a row; heads by a batch of samples, like 1/within²."""
    problem = zoo.problem("huxley")
    force = lambda run: run.force[-1, 0, 0]
    found = suggest(
        problem.model, problem.start, t1=20.0, drive=ms.Length(0.0), within=1.5, observable=force, levels=["kinetic", "sobol"]
    )  # fmt: skip
    assert found.choice.level.cells in found.tried["kinetic"].sizes and found.choice.error <= 1.5
    finer = ms.solve(problem.model, ms.Kinetic(800), problem.start, t1=20.0, drive=ms.Length(0.0), save=2)
    assert found.value == pytest.approx(force(finer), abs=10 * found.sure + 0.05)
    assert "drawn at random" in dict(found.excluded)["sobol"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"within": 0.0}, "within > 0"),
        ({"within": math.nan}, "within > 0"),
        ({"within": 1e-12}, "within ≥ 1e-11: runs are no better"),
        ({"levels": ["characteristic"]}, "did you mean 'characteristics'"),
        ({"levels": []}, "expected levels, names"),
        ({"chance": 1.0}, "chance between 0 and 1"),
        ({"start": ms.Start(1.0, x=np.linspace(0, 1, 5))}, "Start.x to be a law"),
        ({"observable": lambda run: run.y}, r"one number. Received an array of shape \(2, 1\)"),
        ({"observable": lambda run: None}, "one number. Received NoneType"),
    ],
)
def test_mistakes(changes, said):
    start = changes.pop("start", BENT.start)
    with pytest.raises(InputError, match=said):
        suggest(BENT.model, start, **{"t1": 4.0, "within": 1e-3, "observable": final_y, **changes})


def test_lower_rank_is_said():
    problem = zoo.problem("lateral")
    with pytest.raises(InputError, match="constraint of full rank"):
        suggest(problem.model, problem.start, t1=1.0, within=1e-3)


def test_a_reference_that_is_not_sure_enough(monkeypatch):
    monkeypatch.setitem(search._AXIS, 1, (2, 3, 4, 5))
    with pytest.raises(InputError, match=r"characteristics:5, the finest that it tries, is sure to .* only: ask for"):
        suggest(BENT.model, BENT.start, t1=4.0, within=1e-6)
