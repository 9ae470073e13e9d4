"""One model at several levels: what does each get wrong, and what does it cost?

Errors are Euclidean distances to a reference level at the saved times, for y, for ẏ, for the bridges' force (relative), and in W₁ for
the populations; of bridges that attach and detach also in the share attached, and W₁ is between what is attached. What the
bridges' mass m does is asked of the reference level: with m, and without (theory.md section 1, "one-way").
The reference's own error is not estimated: compare with a finer reference for that.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import checkpoint
from ..drive import AbstractDrive, Free, QuasiStatic
from ..errors import InputError, InterruptedRun, StoppedError
from ..levels import AbstractLevel, Characteristics, Kinetic, Reduced
from ..model import AbstractLaw, Mixture, Model, Start, scheme_of
from ..model.checks import check_model
from ..population import Tied
from ..run import Progress, check, solve
from ..run.check import check_level
from ..solution import Scenario, Solution
from ..types import Array, ArrayLike, float64
from .inertia import kinetic_bridges
from .measures import distance, measures, pushforward
from .result import OneWay, Row, Study

_FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the saved times: where populations are compared
_PROBES = 4  # points of a field at which populations are compared
_REFERENCE_CELLS = 800  # of the default reference of bridges that attach and detach
_REFERENCE_PHASE = 6  # an axis of (X, Ẋ)
_REFERENCE_NODES = {1: 64, 2: 8, 3: 8}  # of the default reference, an axis, by nx


@float64
def compare(
    model: Model,
    start: Start,
    *,
    t1: float,
    levels: Sequence[AbstractLevel],
    reference: AbstractLevel | None = None,
    drive: AbstractDrive = Free(),
    save: int | ArrayLike = 201,
    tolerance: float = 1e-8,
    seed: int = 0,
    one_way: bool = True,
    progress: Progress | None = None,
    resume: str | Path | None = None,
) -> Study:
    """Run a model at several levels and measure each against a reference.

    **Arguments:**

    - `model`, `start`, `t1`, `drive`, `save`, `tolerance`, `seed`: as for `solve`.
    - `levels`: one or more, of different labels.
    - `reference`: what errors are measured against; `Characteristics` on 64 nodes (8 an axis in three dimensions) if the start is
        a law, its own points if it gives points; `Kinetic(800)` for bridges that attach and detach.
    - `one_way`: whether to run the reference level once more with m = 0.
    - `progress`: called with what is being done and the fraction of the study done.
    - `resume`: a folder to keep the study in while it is computed, each run in a folder of its own within; as for `solve`. Runs
        that were finished are read back, so levels can also be added to a study.

    **Returns:** a `Study`. A level that stops gets a row that says why, with errors over the time it has; so does one that can no
    longer be kept in `resume`. Ctrl-C ends the study and keeps what was computed.

    **Raises:** `InputError` for input or a folder that cannot be used, before anything runs.
    """
    runs = _runs(model, start, levels, reference)
    base = runs[0]
    options: dict[str, Any] = dict(t1=t1, drive=drive, save=save, tolerance=tolerance, seed=seed)
    for level in runs:
        check(Scenario(model, level, start, **options))
    with_one_way = one_way and _has_one_way(model, base, start, options)
    report = _Share(progress, len(runs) + with_one_way)
    study = Study(base.label, np.zeros(0))
    todo, effect = {level.label: (model, level) for level in runs}, f"{base.label} one-way"
    field: dict[str, Solution] = {}  # the reference's, of a tissue that is one
    if with_one_way:
        todo[effect] = model.one_way(), base
    with _kept(resume, todo, start, options) as folders:
        run = lambda name: _attempt(*todo[name], start, options | folders[name] | {"progress": report})
        try:
            for level in runs:
                _add(study, level, run(level.label), field)
                report.next()
                if study.interrupted:
                    return study
            if effect in todo and base.label in study.solutions:
                study.one_way = _effect(study, run(effect), model, field)
        except KeyboardInterrupt:
            study.interrupted = True
    return study


def _has_one_way(model: Model, level: AbstractLevel, start: Start, options: dict[str, Any]) -> bool:
    """Whether mass has an effect, and the model can do without."""
    if isinstance(options["drive"], QuasiStatic) or not (np.asarray(model.bridge.mass) > 0).any():
        return False
    try:
        check(Scenario(model.one_way(), level, start, **options))
    except InputError:  # bridges that are free to move, or a stepper that divides by m
        return False
    return True


@contextlib.contextmanager
def _kept(
    resume: str | Path | None, todo: dict[str, tuple[Model, AbstractLevel]], start: Start, options: dict[str, Any]
) -> Iterator[dict[str, dict[str, Path]]]:
    """Where each run is kept, as an option of `solve`; all are claimed at once, so that none fails after the others have run."""
    if resume is None:
        yield {name: {} for name in todo}
        return
    save = options["save"]
    options = options | {"save": save if isinstance(save, int) else np.asarray(save)}
    scenarios = {name: Scenario(model, level, start, **options) for name, (model, level) in todo.items()}
    first = next(iter(scenarios.values()))
    times = check(first)
    folders = {name: Path(resume) / re.sub(r"[^\w.+-]+", "-", name) for name in todo}
    with checkpoint.hold(resume, checkpoint.identity(dataclasses.replace(first, level=None), times)):
        for name, folder in folders.items():
            with checkpoint.hold(folder, checkpoint.identity(scenarios[name], times)):
                pass
        yield {name: {"resume": folder} for name, folder in folders.items()}


def _runs(
    model: Model, start: Start, levels: Sequence[AbstractLevel], reference: AbstractLevel | None
) -> list[AbstractLevel]:
    """The reference and the other levels, each checked: a mistake in the last must not cost the runs before it."""
    if isinstance(levels, AbstractLevel) or not isinstance(levels, Sequence) or not levels:
        raise InputError(
            f"Expected levels to be a list of one or more, [Reduced(1_000)] for instance. Received {levels!r:.80}."
        )
    check_levels(levels, reference)
    check_model(model, start)
    reference = default_reference(model, start) if reference is None else reference
    runs = [reference, *(level for level in levels if level.label != reference.label)]
    for level in runs:
        check_level(level, model, start)
    return runs


def check_levels(levels: Sequence[AbstractLevel], reference: AbstractLevel | None) -> None:
    """Raise `InputError` unless these are levels that can stand in one table."""
    for level in (*levels, *(() if reference is None else (reference,))):
        if not isinstance(level, AbstractLevel):
            hint = ": make an instance of it, with its size in brackets" if isinstance(level, type) else ""
            raise InputError(f"Expected a level, Reduced(1_000) for instance. Received {level!r:.80}{hint}.")
    labels = [level.label for level in levels]
    if twice := [label for k, label in enumerate(labels) if label in labels[:k]]:
        raise InputError(f"Expected different levels. Received '{twice[0]}' twice.")


def default_reference(model: Model, start: Start) -> AbstractLevel:
    """The level that errors are measured against where none is named."""
    if scheme_of(model.bridge) is not None:
        return Kinetic(_REFERENCE_CELLS)
    if not isinstance(start.x, AbstractLaw):
        return Reduced()
    if isinstance(start.velocity, AbstractLaw):
        return Characteristics(_REFERENCE_PHASE ** (2 * start.nx))
    parts = len(start.x.laws) if isinstance(start.x, Mixture) and start.nx > 1 else 1
    return Characteristics(parts * _REFERENCE_NODES[start.nx] ** start.nx)


class _Share:
    """One progress for a whole study, from those of its runs."""

    def __init__(self, progress: Progress | None, count: int):
        self.progress, self.count, self.done = progress, count, 0

    def __call__(self, word: str, fraction: float) -> None:
        if self.progress:
            self.progress(word, (self.done + fraction) / self.count)

    def next(self) -> None:
        """The next run is about to begin."""
        self.done += 1


@dataclasses.dataclass(frozen=True)
class _Attempt:
    """How a run ended."""

    solution: Solution | None
    reached: float
    message: str | None = None
    interrupted: bool = False


def _attempt(model: Model, level: AbstractLevel, start: Start, options: dict[str, Any]) -> _Attempt:
    try:
        solution = solve(model, level, start, **options)
        return _Attempt(solution, float(solution.ts[-1]))
    except StoppedError as error:
        reached = 0.0 if error.solution is None else float(error.solution.ts[-1])
        return _Attempt(error.solution, getattr(error, "time", reached), str(error), isinstance(error, InterruptedRun))
    except InputError as error:
        if "resume" not in options:
            raise
        return _Attempt(None, 0.0, str(error))  # the folder can be used no longer; all else has been checked
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return _Attempt(None, 0.0, f"{level.label} needs more memory than this machine gives: make it smaller.")


def _add(study: Study, level: AbstractLevel, attempt: _Attempt, field: dict[str, Solution]) -> None:
    """Put a run into the study; what is computed first is there if the rest is interrupted.

    Of a tissue that is a field errors are of all of it, while populations are compared, and kept, at a few points.
    """
    study.interrupted = attempt.interrupted
    solution, none = attempt.solution, np.zeros(0)
    row = Row(level.label, none, none, none, reached=attempt.reached, message=attempt.message)
    study.rows.append(row)
    if solution is None:
        return
    study.solutions[level.label] = solution
    if level.label == study.reference:
        study.times = _times(solution.ts)
    if solution.scenario.model.tissue.is_field:
        if level.label == study.reference:
            field[level.label] = solution
        study.solutions[level.label] = solution.at(_spread(solution.force.shape[1]))
    if (reference := field.get(study.reference) or study.solutions.get(study.reference)) is not None:
        errors = [_apart(solution.y, reference.y), _apart(solution.v, reference.v)]
        row = dataclasses.replace(
            row, errors_y=errors[0], errors_v=errors[1], errors_force=_force_apart(solution, reference)
        )
        if solution.cycling is not None and reference.cycling is not None:
            shares = solution.cycling.attached, reference.cycling.attached
            row = dataclasses.replace(row, errors_attached=_apart(*shares, np.inf))
    costs = {name: getattr(solution.stats, name) for name in ("wall", "compile", "memory", "steps", "path")}
    row = dataclasses.replace(row, drift=solution.energy.drift, residual=float(np.max(solution.residual)), **costs)
    study.rows[-1] = row
    with contextlib.suppress(InputError):  # a population that is not finite has no W₁
        _weigh(study, level, study.solutions[level.label])
        populations = study.measures[level.label]
        apart = [distance(a, b) for a, b in zip(populations, study.truth, strict=False)]  # as far as both came
        study.rows[-1] = dataclasses.replace(row, wassersteins=np.array(apart))


def _weigh(study: Study, level: AbstractLevel, solution: Solution) -> None:
    """The populations of a run as measures, and those that all are compared with if it is the reference."""
    times = study.times[study.times <= solution.ts[-1]]
    populations = study.measures[level.label] = measures(solution, times)
    if level.label == study.reference:
        study.truth = populations
        law = isinstance(solution.scenario.start.x, AbstractLaw) and not isinstance(solution.representation, Tied)
        if law and solution.cycling is None and not isinstance(level, Characteristics):
            with contextlib.suppress(InputError):
                study.truth = pushforward(solution, times)


def _spread(points: int) -> list[int]:
    """A few points, evenly numbered."""
    return np.unique(np.linspace(0, points - 1, _PROBES).round().astype(int)).tolist()


def _effect(study: Study, attempt: _Attempt, model: Model, field: dict[str, Solution]) -> OneWay | None:
    """What the one-way run shows; `model` has the true m."""
    study.interrupted = attempt.interrupted
    if (one_way := attempt.solution) is None:
        return None
    two_way = field.get(study.reference) or study.solutions[study.reference]
    kinetic = kinetic_bridges(model, one_way)
    energy = dataclasses.replace(one_way.energy, kinetic_bridges=kinetic)
    return OneWay(
        differences_y=_apart(one_way.y, two_way.y),
        differences_v=_apart(one_way.v, two_way.v),
        amplitude_y=_amplitude(two_way.y),
        amplitude_v=_amplitude(two_way.v),
        ledger_error=energy.drift,
        solution=one_way.at(_spread(one_way.force.shape[1])) if field else one_way,
        message=attempt.message,
    )


def _times(ts: Array) -> Array:
    """The saved times nearest to the start, the quarters and the end."""
    wanted = ts[0] + np.array(_FRACTIONS) * (ts[-1] - ts[0])
    return ts[np.unique([int(np.argmin(np.abs(ts - t))) for t in wanted])]


def _apart(a: Array, b: Array, order: float = 2) -> Array:
    """|a − b| at each time that both have."""
    count = min(len(a), len(b))
    return np.linalg.norm(a[:count] - b[:count], order, axis=1)


def _force_apart(solution: Solution, reference: Solution) -> Array:
    """Distance of the bridges' forces at each time, at the worst point, relative to the reference's greatest."""
    count, scale = min(len(solution.ts), len(reference.ts)), float(np.linalg.norm(reference.force, axis=2).max())
    apart = np.linalg.norm(solution.force[:count] - reference.force[:count], axis=2).max(axis=1)
    return apart / scale if scale else np.full(count, np.nan)


def _amplitude(values: Array) -> float:
    """Half the range of each coordinate, as a length."""
    return float(np.linalg.norm(np.ptp(values, axis=0)) / 2)
