"""How `suggest` searches: candidates one after the other, for bridges that stay attached and for those that cycle.

Gauss rules of few nodes are cheap enough to be tried, all sizes at once; cells are tried at two sizes and extrapolated with the order seen,
at most four; evenly filling points extrapolated with order one, which theory promises; random bridges by the variance of one adjoint pass. An
error that is small at one size by accident does not count: that of a size is the greatest of it and all larger ones.
"""

import abc
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from scipy.stats import norm

from ...errors import InputError
from ...levels import AbstractLevel, Characteristics, Kinetic, MomentClosure, Reduced, Sampling
from ...levels.steps import fastest
from ...model import AbstractLaw, Mixture, Start, scheme_of
from ...run import Progress
from ...types import Array
from .fluctuation import fluctuation, name_of
from .pilots import Pilots
from .suggestion import TIE, Candidate, Suggestion, Tried, Verified

_AXIS = {
    1: (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128),
    2: (2, 3, 4, 5, 6, 8, 10, 12, 16),
    3: (2, 3, 4, 5, 6, 8),
}  # nodes an axis, by nx; the last are the reference
_FINER = {1: 256, 2: 20, 3: 10}  # of a verification
_PIECES = (*range(2, 33), 48, 64, 96, 128, 192, 256, 512, 1024, 2048)  # where a law of many pieces has no smaller rule
_EVEN = (8, 16, 32, 64, 128)  # points in pilots that fill the law evenly
_SEEDS = 6  # of Sobol points
_CELLS = {1: (32, 48), 2: (16, 24)}
_MOST_CELLS = {1: 4_000, 2: 400}
CELLS = 800  # of the coarsest reference that cycling bridges are compared with
_CYCLING = (50, 100, 200, 400, 800, 1600)
_SURE = 0.1  # of the tolerance: what the reference may be off by
_RAN = {
    False: 100_000,
    True: 10_000,
}  # random bridges, at most, in a pilot: of those that stay attached, and of cycling ones
_HEADS, _SAMPLES = 200, 48  # pilots of cycling bridges
_ORDER, _SAFETY = 4.0, 1.15


class AbstractSearch(abc.ABC):
    """Candidates one after the other, in an order in which cheap ones come first."""

    def __init__(self, pilots: Pilots, within: float, chance: float, progress: Progress | None):
        self.pilots, self.within, self.chance = pilots, within, chance
        self.z = float(norm.ppf((1 + chance) / 2))
        self.report = progress or (lambda word, fraction: None)
        self.found: list[Candidate] = []
        self.excluded: list[tuple[str, str]] = []
        self.tried: dict[str, Tried] = {}
        self.value = self.sure = math.nan

    def __call__(self, names: tuple[str, ...], verify: bool) -> Suggestion:
        self.report("suggest: the limit of many bridges", 0.0)
        reference = self.limit()
        for k, name in enumerate(names):
            self.report(f"suggest: {name}", 0.2 + 0.6 * k / len(names))
            if why := self.excuse(name):
                self.excluded.append((name, why))
            else:
                getattr(self, name)()
        scenario = dataclasses.replace(self.pilots.scenario, level=reference)
        found = Suggestion(
            scenario=scenario,
            observable=name_of(self.pilots.observable),
            value=self.value,
            sure=self.sure,
            within=self.within,
            chance=self.chance,
            candidates=tuple(sorted(self.found, key=lambda one: (one.cost, one.error))),
            excluded=tuple(self.excluded),
            tried=self.tried,
            compile=self.pilots.compiling,
        )
        if verify and found.choice is not None:
            self.report("suggest: verifying", 0.85)
            found = dataclasses.replace(found, verified=self.verified(found))
        self.report("suggest", 1.0)
        return found

    @abc.abstractmethod
    def limit(self) -> AbstractLevel:
        """Set the observable's value in the limit, and how sure it is; returns the level that told it."""

    @abc.abstractmethod
    def finer(self) -> float:
        """The value in the limit once more, by a finer reference."""

    @abc.abstractmethod
    def excuse(self, name: str) -> str:
        """Why a level cannot be chosen here; empty if it can."""

    def unsure(self, level: AbstractLevel) -> InputError:
        return InputError(
            f"suggest expected a reference that is sure to {_SURE:g} of within = {self.within:g}. {level.label}, the finest that it tries, is sure to "
            f"{self.sure:.1e} only: ask for {self.sure / _SURE:.0e} or more."
        )

    def off(self, values: Any) -> Any:
        """Distances to the limit; infinite of runs that stopped."""
        return np.nan_to_num(np.abs(np.asarray(values) - self.value), nan=math.inf)

    def good(self, error: float) -> bool:
        """Whether an error is small enough, the reference's own included."""
        return bool(error + self.sure <= self.within)

    def add(self, level: Any, error: float, known: str, *, smaller: Any = None, random: bool = False, cost: Any = None):
        """A candidate, timed unless its cost is told."""
        compile = 0.0
        if cost is None:
            run = self.pilots.run(level)
            cost, compile = run.wall, run.compile
        meets = bool(error <= self.within) if random else self.good(error)
        self.found.append(Candidate(level, float(error), float(cost), compile, known, meets, smaller, random))

    def moments(self) -> None:
        """One run tells."""
        level = self.closure()
        self.add(level, float(self.off(self.pilots.run(level).value)), "run")

    def closure(self) -> MomentClosure:
        return MomentClosure()

    @property
    def ran(self) -> int:
        """The greatest number of random bridges in a pilot."""
        return _RAN[scheme_of(self.pilots.scenario.model.bridge) is not None]

    @property
    def cheapest(self) -> float:
        """Seconds of the cheapest that meets the tolerance so far."""
        return min((one.cost for one in self.found if one.meets), default=math.inf)

    def random_bridges(self, spread: float, known: str) -> None:
        """So many that chance takes them no further than allowed."""
        n = max(16, math.ceil(spread * (self.z / self.within) ** 2))
        self.counted(lambda n: Reduced(n), n, self.z * math.sqrt(spread / n), known, True)

    def counted(self, make: Callable[[int], Reduced], n: int, error: float, known: str, random: bool) -> None:
        """A number of particles: run, or its cost extrapolated where it is large."""
        smaller = make(n // 2) if n > 1 else None
        ran = self.ran
        if n <= ran:
            run = self.pilots.run(make(n))
            seen = error if random else float(self.off(run.value))
            return self.add(make(n), seen, known if random else f"run; {known}", smaller=smaller, random=random)
        few, many = (self.pilots.run(make(k)).wall for k in (ran // 10, ran))
        rise = max(many - few, 0.0) / (0.9 * ran)
        cost = many + rise * (n - ran)
        self.add(
            make(n), error, f"{known}; cost from {ran // 10:,} and {ran:,}", smaller=None, random=random, cost=cost
        )

    def verified(self, found: Suggestion) -> Verified:
        """Run the choice and the next cheaper one, in turn, against a finer reference."""
        choice, next_cheaper = found.choice, found.next_cheaper
        assert choice is not None
        truth = self.finer()
        both = [level for level in (choice.level, next_cheaper) if level is not None]
        seen = [self.seen(level, truth) for level in both]
        for level in both:
            self.pilots.forget(level)
        for _ in range(5):
            walls = [self.pilots.time(level) for level in both]
        errors = [float(np.quantile(errors, self.chance)) for errors in seen]
        share = float(np.mean(seen[0] <= self.within)) if len(seen[0]) > 1 else math.nan
        tail = (errors[1], walls[1]) if len(both) > 1 else (math.nan, math.nan)
        return Verified(truth, errors[0], walls[0], next_cheaper, *tail, share, _SAMPLES)

    def seen(self, level: AbstractLevel, truth: float) -> Array:
        """Distances to the truth: of one run, or of samples where points are drawn at random and are not too many."""
        values = np.array([self.pilots.run(level).value])
        if isinstance(level, Reduced) and level.sampling is not Sampling.QUANTILE and (level.n or 0) <= self.ran:
            values = self.pilots.samples(level, _SAMPLES)
        return np.nan_to_num(np.abs(values - truth), nan=math.inf)


class Attached(AbstractSearch):
    """Bridges that stay attached, drawn from a law."""

    def limit(self) -> AbstractLevel:
        start = self.pilots.scenario.start
        sizes = rules(start)
        self.sizes = sizes
        gauss = [(Characteristics(n), 0) for n in sizes]
        if start.nx == 1:
            even = [(Reduced(n, Sampling.QUANTILE), 0) for n in _EVEN]
        else:
            even = [(Reduced(n, Sampling.SOBOL), 1 + s) for n in _EVEN for s in range(_SEEDS)]
        values = self.pilots.points([*gauss, *even], max(*sizes, *_EVEN))
        nodes, self.even = values[: len(sizes)], values[len(sizes) :].reshape(len(_EVEN), -1)
        self.value = float(nodes[-1])
        self.sure = float(self.off(nodes[-2]))
        reference = Characteristics(sizes[-1])
        if not self.sure <= _SURE * self.within:
            raise self.unsure(reference)
        self.tried["characteristics"] = Tried(np.array(sizes[:-1]), self.off(nodes[:-1]))
        return reference

    def finer(self) -> float:
        scenario = dataclasses.replace(self.pilots.scenario, tolerance=max(1e-13, self.pilots.scenario.tolerance / 10))
        start, last = scenario.start, self.sizes[-1]
        axis, nx = _FINER[start.nx], start.nx
        level = Characteristics(last // _AXIS[nx][-1] ** nx * axis**nx if last % _AXIS[nx][-1] ** nx == 0 else 2 * last)
        return Pilots(scenario, self.pilots.observable).run(level).value

    def excuse(self, name: str) -> str:
        start = self.pilots.scenario.start
        if name == "quantile" and start.nx > 1:
            return "quantiles are of one variable"
        if name == "sobol" and start.nx == 1:
            return "in one dimension quantiles fill the law more evenly"
        level = {"moments": self.closure(), "kinetic": Kinetic(_CELLS[1][0])}.get(name)
        return "" if level is None else self.pilots.why_not(level)

    def characteristics(self) -> None:
        tried = self.tried["characteristics"]
        k = tried.first(self.good)
        assert k is not None  # the last is as near as the reference is sure
        smaller = Characteristics(int(tried.sizes[k - 1])) if k else None
        self.add(Characteristics(int(tried.sizes[k])), float(tried.envelope[k]), "tried at all sizes", smaller=smaller)

    def kinetic(self) -> None:
        nx = self.pilots.scenario.start.nx
        sizes = _CELLS[nx]
        runs = [self.pilots.run(Kinetic(n)) for n in sizes]
        tried = self.tried["kinetic"] = Tried(np.array(sizes), self.off([run.value for run in runs]))
        if (k := tried.first(self.good)) is not None:
            return self.add(Kinetic(sizes[k]), float(tried.envelope[k]), "run", smaller=Kinetic(sizes[k] * 2 // 3))
        few, many = tried.errors
        if not np.isfinite(tried.errors).all():
            return self.excluded.append(("kinetic", f"a pilot of {sizes[0]} or {sizes[1]} cells stopped"))
        order = float(np.clip(np.log(few / many) / np.log(sizes[1] / sizes[0]), 1.0, _ORDER))
        target = max(self.within - self.sure, 0.5 * self.within)
        n = math.ceil(sizes[1] * (_SAFETY * many / target) ** (1 / order))
        volume = lambda n: float(n) ** nx
        rise = max(runs[1].wall - runs[0].wall, 0.0) / (volume(sizes[1]) - volume(sizes[0]))
        cost = runs[1].wall + rise * (volume(n) - volume(sizes[1]))
        known = f"order {order:.1f} from {sizes[0]} and {sizes[1]} cells"
        if n > _MOST_CELLS[nx] or cost > (1 + TIE) * self.cheapest or self.pilots.why_not(Kinetic(n)):
            predicted = many * (sizes[1] / n) ** order
            return self.add(Kinetic(n), predicted, known, cost=cost)
        self.add(
            Kinetic(n), float(self.off(self.pilots.run(Kinetic(n)).value)), f"run; {known}", smaller=Kinetic(n * 2 // 3)
        )

    def quantile(self) -> None:
        self.evenly("quantile", Sampling.QUANTILE, self.off(self.even)[:, 0], 1.0)

    def sobol(self) -> None:
        self.evenly("sobol", Sampling.SOBOL, np.sqrt(np.mean(self.off(self.even) ** 2, axis=1)), self.z)

    def evenly(self, name: str, sampling: Sampling, errors: Array, times: float) -> None:
        """Points that fill the law: the first size that meets, or order one from there."""
        tried = self.tried[name] = Tried(np.array(_EVEN), times * errors)
        random = sampling is Sampling.SOBOL
        if (k := tried.first(self.good)) is not None:
            n, error, known = _EVEN[k], float(tried.envelope[k]), "tried at five sizes"
            smaller = Reduced(_EVEN[k - 1], sampling) if k else None
            return self.add(Reduced(n, sampling), error, known, smaller=smaller, random=random)
        last = float(tried.errors[-1])
        if not math.isfinite(last):
            return self.excluded.append((name, f"a pilot of {_EVEN[-1]} points stopped"))
        n = math.ceil(_EVEN[-1] * _SAFETY * last / (self.within - self.sure))
        n = 2 ** math.ceil(math.log2(n)) if random else n
        self.counted(
            lambda n: Reduced(n, sampling), n, last * _EVEN[-1] / n, f"order 1 from {_EVEN[-1]} points", random
        )

    def random(self) -> None:
        scenario = self.pilots.scenario
        options: dict[str, Any] = {name: getattr(scenario, name) for name in ("t1", "drive", "save", "tolerance")}
        try:
            found = fluctuation(scenario.model, scenario.start, observable=self.pilots.observable, **options)
            self.pilots.compiling += found.compile
            spread, known = found.spread, "one adjoint pass"
        except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError):
            spread, known = self.sampled(Reduced(64), 64)
        self.random_bridges(spread, known)

    def sampled(self, level: AbstractLevel, n: int) -> tuple[float, str]:
        values = self.pilots.samples(level, _SAMPLES)
        return n * float(np.nanmean((values - self.value) ** 2)), f"{_SAMPLES} samples of {n}"


class Cycling(AbstractSearch):
    """Bridges that attach and detach: every size is a program of its own."""

    def limit(self) -> AbstractLevel:
        rate = float(fastest(self.pilots.scenario.model))
        coarse, *finer = (Kinetic(400 * 2**k, dt=0.1 / 2**k / rate if rate > 0 else None) for k in range(4))
        value = self.pilots.run(coarse).value
        for k, level in enumerate(finer):
            self.value = self.pilots.run(level).value
            self.sure, value = abs(self.value - value), self.value
            self.next = (*finer, level)[k + 1]
            if self.sure <= _SURE * self.within:
                return level
        raise self.unsure(finer[-1])

    def finer(self) -> float:
        return self.pilots.run(self.next).value

    def excuse(self, name: str) -> str:
        if name in ("quantile", "sobol"):
            return "heads that attach and detach are drawn at random"
        return self.pilots.why_not(self.closure()) if name == "moments" else ""

    def closure(self) -> MomentClosure:
        return MomentClosure(watch=False)

    def kinetic(self) -> None:
        self.climb("kinetic", Kinetic)

    def characteristics(self) -> None:
        self.climb("characteristics", Characteristics)

    def climb(self, name: str, make: Any) -> None:
        """Twice as many until two in a row meet the tolerance."""
        sizes, errors = [], []
        for n in _CYCLING:
            if self.pilots.why_not(make(n)):
                continue
            sizes.append(n)
            errors.append(float(self.off(self.pilots.run(make(n)).value)))
            if len(errors) > 1 and all(map(self.good, errors[-2:])):
                break
        if not sizes:
            return self.excluded.append((name, self.pilots.why_not(make(_CYCLING[-1]))))
        tried = self.tried[name] = Tried(np.array(sizes), np.array(errors))
        k = tried.first(self.good)
        k = len(sizes) - 1 if k is None else k
        self.add(make(sizes[k]), float(tried.envelope[k]), "run", smaller=make(sizes[k - 1]) if k else None)

    def random(self) -> None:
        values = self.pilots.samples(Reduced(_HEADS), _SAMPLES)
        spread = _HEADS * float(np.nanmean((values - self.value) ** 2))
        self.random_bridges(spread, f"{_SAMPLES} samples of {_HEADS} heads")


def rules(start: Start) -> tuple[int, ...]:
    """Sizes of Gauss rules that the law has, in total; the last two are the reference and how sure it is."""
    law, nx = start.x, start.nx
    assert isinstance(law, AbstractLaw)
    parts = len(law.laws) if isinstance(law, Mixture) and nx > 1 else 1
    sizes = [n for n in (parts * k**nx for k in _AXIS[nx]) if _has(law, n)]
    if len(sizes) < 4:
        every = [n for n in _PIECES if _has(law, n)]
        sizes = [n for k, n in enumerate(every) if n <= 8 * every[0] or k < 4]
    return tuple(sizes)


def _has(law: AbstractLaw, n: int) -> bool:
    try:
        law.nodes(n)
    except InputError:
        return False
    return True
