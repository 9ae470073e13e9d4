"""How fast does a level come near its limit? Runs over sizes and samples, their distances to a finer level, and the rates.

For a random level every sample has its own seed, so that sizes are independent of each other, and each run is the one that `solve` makes with
that seed. Distances are the greatest over the saved times: of y, ẏ and force as in `compare`, of populations in W₁ at a few times, on the line to
the law carried by the finer level's flow, in two or more dimensions by exact transport to a cloud of points of it, larger than the sample in a
fixed ratio, so that what the cloud itself is off by falls at the same rate.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import checkpoint
from ...drive import AbstractDrive, Free
from ...errors import InputError, InterruptedRun
from ...fingerprint import fingerprint, software
from ...levels import AbstractLevel, Characteristics, Constrained, Kinetic, MomentClosure, Reduced, Sampling
from ...model import AbstractLaw, Model, Start, scheme_of
from ...model.checks import check_model
from ...run import Progress, check, solve
from ...run.check import check_level
from ...solution import Scenario, Solution
from ...types import ArrayLike, float64
from ..compare import default_reference
from ..distance import wasserstein
from ..mass import Measure
from ..measures import cloud, measures, pushforward
from .convergence import Convergence
from .members import Members, Shared, members, sized
from .work import Part, Where, parts

_TIMES = {1: 5, 2: 2, 3: 2}  # at which populations are compared, by nx
_TOGETHER = 100  # samples in one part of the work
CLOUD = 2  # points of the cloud for each particle, nx ≥ 2


@float64
def converge(
    model: Model,
    start: Start,
    *,
    t1: float,
    level: AbstractLevel,
    sizes: Sequence[int],
    samples: int = 100,
    reference: AbstractLevel | None = None,
    drive: AbstractDrive = Free(),
    save: int | ArrayLike = 73,
    tolerance: float = 1e-8,
    seed: int = 0,
    where: Where = Where(),
    progress: Progress | None = None,
    resume: str | Path | None = None,
) -> Convergence:
    """Measure how a level converges to a finer one as its size grows.

    **Arguments:**

    - `model`, `start`, `t1`, `drive`, `save`, `tolerance`: as for `solve`.
    - `level`: of any size, which `sizes` replaces: three or more, increasing.
    - `samples`: runs of each size with random numbers of their own; levels without chance run once. Sample s of the k-th size has the
        seed `seed + k · samples + s`.
    - `reference`: the finer level; `Characteristics` on 64 nodes (8 an axis in more dimensions), `Kinetic(800)` for bridges that cycle.
    - `where`: another scheduler than this process, or more processes; bits are the same.
    - `progress`: called with what is being done and the fraction of the study done.
    - `resume`: a folder that keeps each part of the study as soon as it is done.

    **Returns:** a `Convergence`; `print` shows it. Ctrl-C ends the study and keeps what was computed.

    **Raises:** `InputError` for input that cannot be used, before anything runs: fewer than three sizes, a reference that is not finer.
    """
    check_model(model, start)
    sizes = _sizes(sizes)
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise InputError(f"Expected samples, a whole number ≥ 1. Received {samples!r}.")
    fine = default_reference(model, start) if reference is None else reference
    _check_levels(model, start, level, fine, sizes)
    options: dict[str, Any] = dict(t1=t1, drive=drive, tolerance=tolerance)
    times = check(
        Scenario(model, fine, start, **options, save=save if isinstance(save, int) else np.asarray(save), seed=seed)
    )
    scenario = Scenario(model, level, start, **options, save=times, seed=seed)
    for size in sizes:
        check(dataclasses.replace(scenario, level=sized(level, size)))
    sampling = getattr(level, "sampling", None)
    samples = samples if sampling in (Sampling.RANDOM, Sampling.SOBOL) else 1
    when = times[np.unique(np.linspace(0, len(times) - 1, _TIMES[start.nx]).round().astype(int))]
    shared = Shared(scenario, when, max(sizes))
    report, word = progress or (lambda word, fraction: None), f"{level.name} to {fine.label}"
    about = {
        "level": level,
        "sizes": sizes,
        "samples": samples,
        "reference": fine,
        "save": times,
        "model": model,
        "start": start,
    }
    with _kept(resume, about | options | {"seed": seed}) as kept:
        report(f"{fine.label}: the finer level", 0.0)
        solution = solve(
            model, fine, start, save=times, seed=seed, **options, resume=None if kept is None else kept.folder / "finer"
        )
        truth = {size: _truth(solution, when, size) for size in sizes}
        study = Convergence.empty(scenario, solution, when, sizes, samples, _bias(solution, sizes))
        firsts = range(0, samples, _TOGETHER)
        tasks = {
            f"{size}-{first}": (size, _seeds(seed, k, samples, first), truth[size])
            for (k, size), first in itertools.product(reversed(list(enumerate(sizes))), firsts)
        }
        try:
            for name, part in parts(_part, shared, tasks, kept, where, lambda done: report(word, 0.05 + 0.95 * done)):
                size, first = map(int, name.split("-"))
                study.put(sizes.index(size), first, Members(**part))
        except (KeyboardInterrupt, InterruptedRun):
            study.interrupted = True
    return study


def _part(shared: Shared, size: int, seeds: tuple[int, ...], truth: list[list[Measure]]) -> Part:
    """Some samples of one size, as arrays to keep."""
    return {name: np.asarray(a) for name, a in members(shared, size, seeds, truth)._asdict().items()}


def _seeds(seed: int, k: int, samples: int, first: int) -> tuple[int, ...]:
    return tuple(seed + k * samples + s for s in range(first, min(first + _TOGETHER, samples)))


def _sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    whole = isinstance(sizes, Sequence | np.ndarray) and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in sizes
    )
    if not whole or len(sizes) < 3 or any(b <= a for a, b in itertools.pairwise(sizes)):
        raise InputError(
            f"Expected three or more increasing sizes, (64, 128, 256) for instance: two points show no rate. Received {sizes!r:.80}."
        )
    return tuple(int(n) for n in sizes)


def _check_levels(model: Model, start: Start, level: Any, fine: Any, sizes: tuple[int, ...]) -> None:
    """Raise `InputError` unless the level can be run at all sizes, and the other is finer than each."""
    for one in (level, fine):
        if not isinstance(one, AbstractLevel):
            raise InputError(f"Expected a level, Reduced(64) for instance. Received {one!r:.80}.")
    if isinstance(level, MomentClosure):
        raise InputError(
            "MomentClosure has no size to let grow: its error is the closure's. Received it as the level that converges: use compare."
        )
    particles = isinstance(level, Reduced | Constrained)
    if particles and scheme_of(model.bridge) is None and not isinstance(start.x, AbstractLaw):
        raise InputError(
            "converge expected Start.x to be a law to draw particles from. Received points, which are of one size."
        )
    if model.noise is not None and np.any(np.asarray(model.noise.amplitude(model.tissue.ny))):
        raise InputError(
            "converge expected a model without noise on its tissue, whose path is another for each seed. Received one with: compare levels on one "
            "path with compare, or leave only the bridges' own noise."
        )
    check_level(fine, model, start)
    if why := _not_finer(level, fine, max(sizes), scheme_of(model.bridge) is not None):
        raise InputError(
            f"Expected a reference finer than {level.name} of size {max(sizes)}. Received {fine.label}: {why}."
        )


def _not_finer(level: AbstractLevel, fine: AbstractLevel, largest: int, cycles: bool) -> str:
    """Why a level is not finer, in words; empty if it is."""
    ranks = {Constrained: 0, Reduced: 0, Kinetic: 1, Characteristics: 1 if cycles else 2}
    if isinstance(fine, MomentClosure):
        return "a closure has an error of its own that no size takes away"
    mine, other = ranks[type(level)], ranks[type(fine)]
    if other < mine:
        return "it converges to that level, not the other way round"
    size = getattr(fine, dataclasses.fields(fine)[0].name)
    if other == mine and (type(level) is type(fine) or mine == 0) and (size is None or size <= largest):
        return f"say {fine.name}:{4 * largest}, or more"
    return ""


def _kept(resume: str | Path | None, about: dict[str, Any]):
    """The folder of the study, held for this process; nothing where it is not kept."""
    if resume is None:
        return contextlib.nullcontext(None)
    scenario = {name: fingerprint(value) for name, value in about.items()}
    return checkpoint.hold(resume, {"holds": "a study of convergence", "scenario": scenario, "software": software()})


def _truth(solution: Solution, when: np.ndarray, size: int) -> list[list[Measure]]:
    """What populations of a size are compared with."""
    start = solution.scenario.start
    if solution.cycling is None and isinstance(start.x, AbstractLaw) and start.velocity is None and _flows(solution):
        return pushforward(solution, when) if start.nx == 1 else cloud(solution, when, _count(size))
    return measures(solution, when)


def _flows(solution: Solution) -> bool:
    """Whether the law is carried by a flow that y alone decides."""
    level, scenario = solution.scenario.level, solution.scenario
    return isinstance(level, Constrained) or level.tied(scenario.model, scenario.start) is None


def _count(size: int) -> int:
    return CLOUD * size


def _bias(solution: Solution, sizes: tuple[int, ...]) -> np.ndarray:
    """How far two clouds of a size's kind are from each other at the start, (K,): what W₁ may be off by; zero on the line."""
    start = solution.scenario.start
    if start.nx == 1 or solution.cycling is not None or not isinstance(start.x, AbstractLaw):
        return np.zeros(len(sizes))
    first = solution.ts[:1]
    pairs = [[cloud(solution, first, _count(size), seed)[0][0] for seed in (0, 1)] for size in sizes]
    return np.array([wasserstein(a, b, max_points=10**6) for a, b in pairs])
