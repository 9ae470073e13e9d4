"""Many runs of one kind in one vectorised call: `batch(models, level, starts, t1=…)`.

Half-sarcomeres that differ in parameters, starts, drives or random numbers go through one compiled program together, some hundred at a
time. What is the same in all of them is handed over once.
"""

import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..books import Stats
from ..drive import AbstractDrive, Free
from ..errors import InputError, InterruptedRun, StoppedError
from ..levels import AbstractLevel, Sampling
from ..levels.base import need_memory
from ..levels.integrate import Record
from ..levels.steps import complete, divided, fastest
from ..model import Model, Start, scheme_of
from ..model.scenario import tree_float
from ..protocol import Protocol, legs
from ..solution import Scenario, Solution
from ..types import Array, ArrayLike, PyTree, concrete, float64, is_traced
from .begin import Begun
from .check import check
from .programs import Costs, compiled
from .resolve import given, resolved
from .stretches import Progress, assemble, at_saved, recorded_times
from .whole import steps_between, whole

_CHUNK = 128  # runs in one call of the program: their states fit a processor's cache
_LOOKED_AT = 16  # runs checked as `solve` checks its own, at most


class Batch(Sequence[Solution]):
    """Runs of one kind: `batch[i]` is the `Solution` of the i-th.

    **Attributes:** `ts` (T,); of all B runs `y`, `v`, `reaction` (B, T, ny), `force` (B, T, P, nq) as in `Solution`, and `attached` (B, T, P), the
    share of heads attached, None without cycling; `failed`, the runs that came to no end: theirs are NaN from where they stopped; `stats`, of all runs
    together.
    """

    def __init__(self, scenarios: Sequence[Scenario], times, grid, begun: Begun, record: Record, stats: Stats):
        self._scenarios, self._grid, self._begun, self._record = scenarios, grid, begun, record
        self.stats, self.ts = stats, times
        saved = at_saved(grid, times, float(scenarios[0].t1))
        self.y, self.v, self.reaction, self.force = (
            a[:, saved] for a in (record.y, record.v, record.reaction, record.force)
        )
        self.attached = None if record.cycling is None else record.cycling.attached[:, saved]
        finite = np.isfinite(record.y).all((1, 2)) & np.isfinite(record.force).all((1, 2, 3))
        self.failed = tuple(int(i) for i in np.flatnonzero(~finite))

    def __len__(self) -> int:
        return len(self._scenarios)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        i = range(len(self))[i]
        if i in self.failed:
            raise StoppedError(f"Run {i} of the batch came to no end: solve it alone to read why.", None)
        pick = lambda tree: jax.tree.map(lambda a: a[i], tree)
        return assemble(self._scenarios[i], self.ts, self._grid, pick(self._begun), pick(self._record), self.stats)

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} of them failed" if self.failed else ""
        return f"Batch({len(self)} runs{failed}, {self._scenarios[0].level.label}, t = {self.ts[0]:g} … {self.ts[-1]:g}, {len(self.ts)} times)"


@float64
def batch(
    model: Model | Sequence[Model],
    level: AbstractLevel,
    start: Start | Sequence[Start],
    *,
    t1: float,
    drive: AbstractDrive | Sequence[AbstractDrive] = Free(),
    save: int | ArrayLike | Sequence[float] = 201,
    tolerance: float = 1e-8,
    seed: int | Sequence[int] = 0,
    progress: Progress | None = None,
) -> Batch:
    """Run many models at one level from 0 to `t1`, together.

    **Arguments:** as of `solve`; `model`, `start`, `drive` and `seed` may each be a list with an entry for each run. What the entries of a list are made of
    must agree (classes, sizes, settings such as availability, the durations of a protocol's steps); numbers may differ. Of one `seed`, run i gets seed + i.
    Cycling bridges take steps short enough for the fastest rate of all runs; the first hundred runs decide how finely the path of noise is resolved.

    **Returns:** a `Batch`, a sequence of solutions.

    **Raises:** `InputError` for input that cannot be used. Every object has checked its own numbers when it was made; what only `solve` looks at is looked at
    in the first run and in those with the least and the greatest value of each number that differs. Interrupted, `InterruptedRun` has the batch so far in
    `.solution`.
    """
    given = {"model": model, "start": start, "drive": drive, "seed": seed}
    if is_traced((model, level, start, drive)):
        raise InputError("batch expected to be called outside of jit, grad and vmap: there, map over solve.")
    count = _count(given)
    lists = {name: list(value) if _many(value) else [value] * count for name, value in given.items()}
    sobol = getattr(level, "sampling", None) is Sampling.SOBOL
    seeds = [seed + i * (not sobol) for i in range(count)] if isinstance(seed, int) else lists["seed"]
    if sobol and len(set(seeds)) > 1:
        raise InputError("batch expected one seed for Sobol points, which all runs share. Received several.")
    when = save if isinstance(save, int) else np.asarray(save)
    scenarios = [
        Scenario(model, level, start, t1, drive, when, tolerance, seed)
        for model, start, drive, seed in zip(lists["model"], lists["start"], lists["drive"], seeds, strict=True)
    ]
    times = check(scenarios[0])
    _check_durations(lists["drive"])
    mapped, common = _stacked(scenarios)
    for i in _extremes(mapped):
        _check_one(scenarios[i], i)
    return _computed(scenarios, times, mapped, common, progress or (lambda word, fraction: None))


def _computed(scenarios, times, mapped, common, progress) -> Batch:
    """All runs, chunk by chunk."""
    first, count, costs = scenarios[0], len(scenarios), Costs()
    grid = recorded_times(times, legs(first.drive, float(first.t1)), watched=2)
    level, steps = first.level, steps_between(first, grid) if scheme_of(first.model.bridge) is None else 1
    if scheme_of(first.model.bridge) is not None:
        level = complete(level, eqx.combine(mapped, common)[0])
        rates = compiled(_fastest, costs)(tree_arrays(mapped[0]), tree_arrays(common[0]), count)
        steps = divided(level, float(jnp.max(rates)), grid)
    keys = jax.vmap(jax.random.key)(jnp.asarray([scenario.seed for scenario in scenarios]))
    fixed = (level, float(first.t1), float(first.tolerance), int(first.seed), steps, tuple(map(float, grid)))
    size, word = min(_CHUNK, count), f"{level.label}: {count} runs"
    progress(f"{word}: compiling", 0.0)
    program, parts = compiled(_chunk, costs), []

    def chunk(begin, pieces):
        rows = np.minimum(np.arange(begin, begin + size), count - 1)
        some = jax.tree.map(lambda a: jnp.asarray(a[rows]), (mapped, keys))
        return concrete(program(*some, pieces if pieces is None else jnp.asarray(pieces), tree_arrays(common), fixed))

    try:
        pieces, change = None, 0.0
        if first.model.noise is not None and (pieces := given(first, grid)) is None:
            motion = lambda part: (part[1].y, part[1].v)  # the first runs decide for all
            _, pieces, change = resolved(float(first.tolerance), len(grid) - 1, lambda n: chunk(0, n), motion, 1)
        for begin in range(0, count, size):
            part = chunk(begin, pieces)
            if begin == 0:
                need_memory(level, count / size * sum(a.size for a in jax.tree.leaves(part)))
            parts.append(jax.tree.map(lambda a, n=min(size, count - begin): a[:n], part))
            progress(word, min(begin + size, count) / count)
    except KeyboardInterrupt as interrupt:
        done = _gathered(scenarios, times, grid, steps, parts, costs) if parts else None
        message = f"Interrupted after {len(done or ())} of {count} runs; their results are kept."
        raise InterruptedRun(message, done) from interrupt
    return _gathered(
        scenarios, times, grid, steps, parts, costs, pieces=(pieces or 0) * (len(grid) - 1), unresolved=change
    )


def _gathered(scenarios, times, grid, steps: int, parts: list, costs: Costs, **noise: Any) -> Batch:
    """The runs that have been computed."""
    begun, record = jax.tree.map(lambda *parts: np.concatenate(parts), *parts)
    count = len(record.y)
    stats = Stats(
        path=f"a batch of {count} runs",
        steps=steps * (len(grid) - 1),
        right_hand_sides=0,
        wall=costs.wall,
        compile=costs.compile,
        memory=costs.memory,
        compression=0.0,
        **noise,
    )
    return Batch(scenarios[:count], times, grid, begun, record, stats)


def tree_arrays(tree: PyTree) -> PyTree:
    """NumPy arrays to JAX's, so that a new value is not a new program; numbers, which decide what runs, stay."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, tree)


def _fastest(mapped: PyTree, common: PyTree, count: int) -> Array:
    """The fastest rate of each of `count` models."""
    return jax.vmap(lambda some, _: fastest(eqx.combine(some, common)))(mapped, jnp.zeros(count))


def _chunk(mapped: PyTree, keys: Array, pieces: Array | None, common: PyTree, fixed: tuple) -> tuple[Begun, Record]:
    """Runs side by side."""
    level, t1, tolerance, seed, steps, grid = fixed

    def one(mapped, key):
        model, start, drive = eqx.combine(mapped, common)
        scenario = Scenario(model, level, start, t1, drive, np.asarray(grid), tolerance, seed)
        return whole(scenario, np.asarray(grid), key, steps, pieces)

    return jax.vmap(one)(mapped, keys)


def _many(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _count(given: dict[str, Any]) -> int:
    """How many runs the lists ask for."""
    sizes = {name: len(value) for name, value in given.items() if _many(value)}
    if not sizes or min(sizes.values()) == 0 or len(set(sizes.values())) > 1:
        raise InputError(
            "batch expected lists of one length of model, start, drive or seed, one entry for each run. Received "
            + (", ".join(f"{size} of {name}" for name, size in sizes.items()) or "no list")
            + "."
        )
    return next(iter(sizes.values()))


def _check_durations(drives: Sequence[AbstractDrive]) -> None:
    """Legs begin at the same times in all runs."""
    found = [[float(step.duration) for step in drive.steps] for drive in drives if isinstance(drive, Protocol)]
    for i, durations in enumerate(found):
        if durations != found[0]:
            raise InputError(
                f"batch expected protocols whose steps take the same times. Received {durations} in run {i}, {found[0]} in run 0: "
                "put them into batches of their own."
            )


def _check_one(scenario: Scenario, i: int) -> None:
    try:
        check(scenario)
    except InputError as error:
        raise InputError(f"Run {i} of the batch: {error}") from None


def _stacked(scenarios: Sequence[Scenario]) -> tuple[PyTree, PyTree]:
    """Model, start and drive of all runs as two trees: leaves that differ, stacked (B, …), and those that are the same in all."""
    parts = [(s.model, s.start, s.drive) for s in scenarios]
    structure, kinds = jax.tree.structure(parts[0]), [_kind(part) for part in parts[0]]
    rows = []
    for i, part in enumerate(parts):
        for name, one, first, kind in zip(("models", "starts", "drives"), part, parts[0], kinds, strict=True):
            if one is not first and _kind(one) != kind:
                raise InputError(
                    f"batch expected {name} that differ in numbers only. Received in run {i} another class, size or setting than in run 0: "
                    "put them into batches of their own."
                )
        rows.append(jax.tree.leaves(part))
    mapped, common = [], []
    for column in zip(*rows, strict=True):
        same = all(leaf is column[0] for leaf in column) or (
            eqx.is_array_like(column[0]) and all(np.array_equal(leaf, column[0]) for leaf in column)
        )
        if not same and not all(eqx.is_array_like(leaf) for leaf in column):
            raise InputError(
                "batch expected functions to be the same in all runs. Received different ones: use signals (Line, Ramp, Sine, Series, Polyline)."
            )
        mapped.append(None if same else np.stack([np.asarray(leaf, float) for leaf in column]))
        common.append(column[0] if same else None)
    unflatten = functools.partial(jax.tree.unflatten, structure)
    model, start, drive = unflatten(common)
    return unflatten(mapped), (*tree_float((model, start)), drive)


def _kind(tree) -> tuple:
    return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]


def _extremes(mapped: PyTree) -> list[int]:
    """Runs that hold the least or the greatest value of something that differs, but for the first."""
    found: dict[int, None] = {}
    for leaf in jax.tree.leaves(mapped):
        sums = leaf.reshape(len(leaf), -1).sum(1)
        found |= {int(np.argmin(sums)): None, int(np.argmax(sums)): None}
    found.pop(0, None)
    return list(found)[:_LOOKED_AT]
