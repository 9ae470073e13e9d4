"""Do the assumptions of the theory hold where this run goes? (theory.md section 6)

The theorems (stability, mean-field limit, rates) ask for g, Dg, D²g, F₀, F₁ and K to be bounded and Lipschitz, and for g_x to be
elliptic: δ = inf of its smallest singular value > 0, and vᵀg_xv ≥ δ|v|². A model rarely has that on all of space; a run needs it on the
region that it visits. `assumptions` runs the model at a cheap level, follows bridges from all over the law, and estimates each number
there by sampling (`survey`): a supremum is not below what is reported, an infimum not above it. Nothing is proved.

A Lipschitz constant is the greatest norm of the derivative at the visited pairs, that is, a local one.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import chi2

from .. import macro
from ..drive import AbstractDrive, Free
from ..errors import InputError, InterruptedRun, SingularConstraintError, StoppedError
from ..levels import AbstractLevel, Characteristics, Constrained, Kinetic, Reduced, Sampling
from ..model import AbstractLaw, Mixture, Model, Stacked, Start, scheme_at, scheme_of
from ..model.checks import check_model, constraint_rows
from ..model.scenario import tree_float
from ..protocol import legs
from ..run import Progress, solve
from ..solution import Solution
from ..tissue.lumped import Probes
from ..types import Array, float64
from .findings import Assumptions, Bound, Finding, Place, number, vector
from .survey import WIDTH, Sample, Survey, Worst, pair_sizes, sample, survey, survey_given

_NODES = {
    1: 16,
    2: 8,
    3: 6,
}  # of the run, an axis: a rule with more reaches beyond ±7 standard deviations, where no bridge is
_PHASE = 4  # nodes an axis of (X, Ẋ)
_CELLS, _EXTENSIONS = 200, 201  # of the run of bridges that attach and detach, and how many extensions are looked at
_PROBES, _FIELD_STEPS = 4, 24  # points of a field that are looked at, and times at which it is saved
_PAIRS = 100_000  # visited pairs (x, q) to aim at
_STEPS, _FINEST = 200, 4  # in time: as every run records, and up to so many times finer
_PAIR_TIMES = 41  # at which pair forces are looked at
_WEAK = 0.05  # of the typical singular value: below it an elliptic constraint is called weakly so
_GROWS = 0.05  # exponent above which a force counts as growing
_FUNCTIONS = (  # name, its size and that of its derivative in the survey
    ("g", "g", "Dg"),
    ("Dg", "Dg", "D2g"),
    ("D²g", "D2g", "D3g"),
    ("F₁ = −∇W₁", "F1", "DF1"),
)


@float64
def assumptions(
    model: Model,
    start: Start,
    *,
    t1: float,
    drive: AbstractDrive = Free(),
    tolerance: float = 1e-8,
    seed: int = 0,
    level: AbstractLevel | None = None,
    progress: Progress | None = None,
) -> Assumptions:
    """Bounds, Lipschitz constants and ellipticity on the region that a run visits, by sampling.

    **Arguments:**

    - `model`, `start`, `t1`, `drive`, `tolerance`, `seed`, `progress`: as for `solve`.
    - `level`: whose path y(t) is followed; by default `Characteristics` on a few nodes if the start is a law, its own points if it
        gives points. The bridges that are looked at reach ± 7 standard deviations into the law whatever the level.

    **Returns:** `Assumptions`; `print` shows them. A run that stops, at a constraint that loses rank for instance, is a finding, and the
    region is what was visited until then.

    **Raises:** `InputError` for input that cannot be used.
    """
    check_model(model, start)
    cycles = scheme_of(model.bridge) is not None
    if level is None:
        level = Kinetic(_CELLS) if cycles else _cheap(model, start)
    field = model.tissue.is_field
    y = np.broadcast_to(np.asarray(start.y, float), (model.tissue.ny,))
    points = _PROBES if field else jax.eval_shape(model.tissue.kinematics, jnp.asarray(y)).shape[0]
    chosen = _zones(model, None, points) if cycles else sample(start, points)
    most = _PAIRS // (_STEPS * chosen.x[..., 0].size)
    steps = _FIELD_STEPS if field else _STEPS * (1 if cycles else int(np.clip(most, 1, _FINEST)))
    stop: StoppedError | None = None
    try:
        solution = solve(
            model, level, start, t1=t1, drive=drive, save=steps + 1, tolerance=tolerance, seed=seed, progress=progress
        )
    except InterruptedRun:
        raise
    except StoppedError as error:
        solution, stop = error.solution, error
    if field:  # is looked at as a few of its points see it
        if solution is None:
            assert stop is not None
            raise stop
        solution = solution.at(np.linspace(0, solution.force.shape[1] - 1, points).round().astype(int).tolist())
        model, start = solution.scenario.model, solution.scenario.start
    parts = legs(drive, float(t1))
    if solution is None:  # stopped before it moved
        ts, path = np.zeros(1), np.asarray(macro.prescribe(parts[0].drive(y), jnp.zeros(()), y, y)[0])[None]
    else:
        ts, path = np.asarray(solution.path[:, 0]), np.asarray(solution.path[:, 1:])
        if not np.array_equal(
            path[0], origin := np.asarray(solution.origin)
        ):  # a quasi-static run lets go of its start
            ts, path = np.concatenate([ts[:1], ts]), np.concatenate([origin[None], path])
    tied = not cycles and level.tied(model, start) is not None
    if tied:  # where bridges went is no function of y, but known
        tracks = np.asarray(chosen.x)[None]
        if solution is not None:
            ts, path, tracks = np.asarray(solution.ts), np.asarray(solution.y), np.asarray(solution.z.x)
        chosen = Sample(jnp.asarray(tracks[0]), index=np.broadcast_to(np.arange(tracks.shape[2]), tracks.shape[1:3]))
        found = survey_given(tree_float(model), jnp.asarray(tracks), jnp.asarray(path))
    else:
        padding = np.repeat(path[-1:], steps + 1 + len(parts) - len(ts), axis=0)  # one length, one program
        chosen = _zones(model, solution, points) if cycles else chosen
        whole = jnp.asarray(np.concatenate([path, padding]))
        everywhere = jnp.broadcast_to(chosen.x, (len(whole), *chosen.x.shape))
        found = (
            survey_given(tree_float(model), everywhere, whole) if cycles else survey(tree_float(model), chosen.x, whole)
        )
    found = jax.tree.map(np.asarray, found)
    found = found._replace(along=jax.tree.map(lambda a: a[: len(ts)], found.along))
    return _Reading(model, level.label, ts, chosen, found, stop, tied).report(path)


def _zones(model: Model, solution: Solution | None, points: int) -> Sample:
    """Extensions from end to end of where heads attach or are attached, at each point."""
    ends = [
        solution.visited(p) if solution is not None else tuple(map(float, scheme_at(model.bridge, p).zone))
        for p in range(points)
    ]
    x = np.stack([np.linspace(low, high, _EXTENSIONS) for low, high in ends])
    return Sample(jnp.asarray(x[..., None]), index=np.broadcast_to(np.arange(_EXTENSIONS), x.shape))


def _cheap(model: Model, start: Start) -> AbstractLevel:
    law = start.x
    if not isinstance(law, AbstractLaw):
        return Reduced() if constraint_rows(model, start) == start.nx else Constrained()
    if isinstance(start.velocity, AbstractLaw):
        return Characteristics(_PHASE ** (2 * law.nx))
    level = Characteristics((len(law.laws) if isinstance(law, Mixture) else 1) * _NODES[law.nx] ** law.nx)
    try:
        level.check(start)
    except InputError:  # a law whose rule needs more nodes than that, a table's for instance
        return Reduced(1_000, Sampling.QUANTILE if law.nx == 1 else Sampling.SOBOL)
    return level


@dataclasses.dataclass(frozen=True)
class _Reading:
    """From the numbers of a survey to words."""

    model: Model
    level: str
    ts: np.ndarray
    chosen: Sample
    found: Survey
    stop: StoppedError | None
    tied: bool  # bridges are those of the level, with velocities of their own

    def report(self, path: np.ndarray) -> Assumptions:
        """Everything."""
        along = self.found.along
        rows = [self._row(name, along.worst[size], along.worst[slope]) for name, size, slope in _FUNCTIONS]
        if not isinstance(self.model.tissue, Probes):  # which know no tissue
            rows.append(Bound("F₀ = −∇W₀", _greatest(along.F0), _greatest(along.DF0)))
        rows += self._pairs()
        delta, weakest = self._smallest()
        quadratic, definite = self._quadratic()
        typical = along.typical[np.isfinite(along.typical)]
        middle = float(np.median(typical)) if len(typical) else None
        findings = [Finding("fails", f"The run stops early. {self.stop}")] if self.stop else []
        findings += self._rank(delta, weakest, middle) + self._form(quadratic, definite)
        findings += self._smooth(rows)
        if scheme_of(self.model.bridge) is not None:
            findings.append(self._rates())
        return Assumptions(
            level=self.level,
            reached=float(self.ts[-1]),
            y=(path.min(0), path.max(0)),
            q=(along.q.min(0), along.q.max(0)),
            x=(along.x[0].min(0), along.x[1].max(0)),
            rows=tuple(rows),
            ellipticity=delta,
            weakest=weakest,
            typical=middle,
            quadratic=quadratic,
            definite=definite,
            findings=tuple(findings),
            method=self._method(),
        )

    def _row(self, name: str, size: Worst, slope: Worst) -> Bound:
        return Bound(name, _greatest(size.value), _greatest(slope.value))

    def _pairs(self) -> list[Bound]:
        bridge = self.model.bridge.each if isinstance(self.model.bridge, Stacked) else self.model.bridge
        if bridge.interaction is None:
            return []
        times = np.unique(np.linspace(0, len(self.ts) - 1, _PAIR_TIMES).astype(int))
        force, slope = pair_sizes(tree_float(self.model), jnp.asarray(self.found.along.pairs[times]))
        return [self._row("K = ∇V(x′ − x)", force, slope)]

    # Places

    def _place(self, k: int, worst: Worst) -> Place:
        point, bridge = int(worst.point[k]), int(worst.bridge[k])
        x, q = worst.x[k], self.found.along.q[k, point]
        start = np.asarray(self.chosen.x)[point, bridge]
        return Place(float(self.ts[k]), point, *(tuple(map(float, a)) for a in (x, q, start)))

    def _whose(self, k: int, worst: Worst) -> str:
        """Which bridge that is."""
        point, bridge = int(worst.point[k]), int(worst.bridge[k])
        start = vector(np.asarray(self.chosen.x)[point, bridge])
        where = f" at point {point}" if len(self.found.both_signs) > 1 else ""
        if scheme_of(self.model.bridge) is not None:
            return f"a head{where} at x = {start}"
        if self.chosen.index is not None:
            return f"bridge {self.chosen.index[point, bridge]}{where}, which starts at x = {start}"
        assert self.chosen.deviation is not None
        beyond = chi2.sf(self.chosen.deviation[bridge] ** 2, self.chosen.nx)
        tail = f" ({beyond:.0e} of the law is further out)" if beyond < 1e-3 else ""
        return f"the bridge{where} that starts at x = {start}{tail}"

    # Ellipticity

    def _smallest(self) -> tuple[float | None, Place | None]:
        worst = self.found.along.worst["rank"]
        k = int(np.argmax(worst.value))
        return (-float(worst.value[k]), self._place(k, worst)) if np.isfinite(worst.value[k]) else (None, None)

    def _quadratic(self) -> tuple[tuple[float, float] | None, float | None]:
        low, high = (end(part, axis=0) for end, part in zip((np.min, np.max), self.found.along.quadratic, strict=True))
        if not np.isfinite([low, high]).all():
            return None, None
        margin = float(np.min(np.maximum(low, -high)))  # each point of the tissue may have its own sign
        return (float(low.min()), float(high.max())), margin if margin > 0 else None

    def _rank(self, delta: float | None, weakest: Place | None, typical: float | None) -> list[Finding]:
        findings = []
        if (mixed := np.flatnonzero(self.found.both_signs)).size:
            law = self.chosen.index is None
            said = "and vanishes between them" if law else "so it vanishes somewhere between them"
            where = f" at point {mixed[0]}" if len(self.found.both_signs) > 1 else ""
            findings.append(
                Finding(
                    "fails" if law else "weak", f"det g_x has both signs among the bridges at the start{where}, {said}."
                )
            )
        lost = self.found.along.lost
        if (gone := np.flatnonzero(lost.value > -np.inf)).size:
            k = int(gone[0])
            when = (
                f"between t = {self.ts[k - 1]:.6g} and {self.ts[k]:.6g}"
                if k
                else f"at t = {self.ts[k]:.6g}, at the start,"
            )
            what = "loses rank" if self.found.along.finite[k] else "is not finite"
            findings.append(
                Finding(
                    "fails",
                    f"g_x {what} {when} for {self._whose(k, lost)}. Levels that eliminate multipliers stop there if they hold "
                    "such a bridge; the numbers here leave out each bridge from where that happens to it.",
                )
            )
        if delta is None or weakest is None or typical is None:
            return findings
        worst = self.found.along.worst["rank"]
        whose = self._whose(int(np.argmax(worst.value)), worst)
        if gone.size or mixed.size or isinstance(self.stop, SingularConstraintError):
            findings.append(
                Finding(
                    "weak", f"Elsewhere the least singular value of g_x is {number(delta)}, at {weakest}, for {whose}."
                )
            )
        elif delta < _WEAK * typical:
            findings.append(
                Finding(
                    "weak",
                    f"g is only weakly elliptic: δ = {number(delta)} at {weakest}, {delta / typical:.0e} of the typical "
                    f"{number(typical)}, for {whose}. Rates and error constants degrade there.",
                )
            )
        else:
            where = (
                ", its typical value"
                if delta > (1 - 1e-9) * typical
                else f" at {weakest}, for {whose}; typically {number(typical)}"
            )
            findings.append(
                Finding("holds", f"g is uniformly elliptic on the visited region: δ = {number(delta)}{where}.")
            )
        return findings

    def _form(self, quadratic: tuple[float, float] | None, definite: float | None) -> list[Finding]:
        if quadratic is None:
            return []
        low, high = quadratic
        if definite is None:
            return [
                Finding(
                    "weak",
                    f"vᵀg_xv/|v|² reaches from {number(low)} to {number(high)}: neither g_x nor −g_x is positive definite. "
                    "Levels need full rank only; results that are proved by vᵀg_xv ≥ δ|v|² do not apply.",
                )
            ]
        if high < 0:
            return [
                Finding("holds", f"vᵀg_xv ≤ −{number(definite)}|v|²: −g, the same constraint, is positive definite.")
            ]
        if low < 0:
            return [
                Finding("holds", f"±vᵀg_xv ≥ {number(definite)}|v|², the sign being that of each point of the tissue.")
            ]
        return [Finding("holds", f"vᵀg_xv ≥ {number(definite)}|v|².")]

    # Bounds

    def _smooth(self, rows: list[Bound]) -> list[Finding]:
        """What is not finite, by name and place; what is bounded and Lipschitz; what grows outside."""
        findings = []
        for (name, size, slope), row in zip(_FUNCTIONS, rows, strict=False):
            for value, what, key in ((row.bound, name, size), (row.lipschitz, f"The derivative of {name}", slope)):
                worst = self.found.along.worst[key]
                if value is None and np.isposinf(worst.value).any():
                    k = int(np.argmax(worst.value))
                    whose = self._whose(k, worst)
                    findings.append(Finding("fails", f"{what} is not finite at {self._place(k, worst)}, for {whose}."))
        for row in rows[len(_FUNCTIONS) :]:
            if row.bound is None or row.lipschitz is None:
                what = row.name if row.bound is None else f"The derivative of {row.name}"
                unknown = ~np.isfinite(self.found.along.F0 + self.found.along.DF0)
                when = (
                    f"at t = {number(self.ts[np.argmax(unknown)])}"
                    if row.name.startswith("F₀")
                    else "between some bridges"
                )
                findings.append(Finding("fails", f"{what} is not finite {when}."))
        good = [row.name.split(" ")[0] for row in rows if row.bound is not None and row.lipschitz is not None]
        if good:
            listed = " and ".join([", ".join(good[:-1]), good[-1]]) if good[1:] else good[0]
            findings.append(Finding("holds", f"{listed} {'are' if good[1:] else 'is'} bounded and Lipschitz there."))
        outside = []
        for name, variable, growth in zip(("F₀", "F₁"), "yx", self.found.growth, strict=True):
            power = f"{growth:.2g}"
            if not np.isfinite(growth):
                outside.append(f"{name} is not finite")
            elif growth > _GROWS:
                outside.append(f"{name} grows like |{variable}|" + (f"^{power}" if power != "1" else ""))
        if outside:
            findings.append(Finding("note", f"Not so on all of space: far outside {' and '.join(outside)}."))
        return findings

    def _rates(self) -> Finding:
        """Are rates bounded and Lipschitz where heads are?"""
        worst, where = 0.0, []
        for point, x in enumerate(np.asarray(self.chosen.x)[..., 0]):
            scheme = scheme_at(self.model.bridge, point)
            generator = jax.vmap(scheme.generator)
            worst = max(worst, float(np.max(np.abs(generator(jnp.asarray(x))))))
            ends = np.array([float(b) for b in scheme.breakpoints])
            beside = 1e-9 * float(scheme.spacing)
            jump = np.abs(generator(jnp.asarray(ends + beside)) - generator(jnp.asarray(ends - beside))).max((1, 2))
            where += [float(b) for b in ends[jump > 1e-6 * worst]]
        said = f"Rates of cycling are at most {number(worst)} where heads attach or are attached"
        if not where:
            return Finding("holds", f"{said}, and continuous at their breakpoints.")
        places = ", ".join(number(b) for b in sorted(set(where)))
        return Finding(
            "note",
            f"{said}; they jump at x = {places} and so are not Lipschitz there. Numerics split their integrals at these breakpoints.",
        )

    def _method(self) -> str:
        if scheme_of(self.model.bridge) is not None:
            return (
                f"Estimated by sampling: {_EXTENSIONS} extensions from end to end of where heads attach or are attached, all of them with each q along "
                f"the path of {self.level}, at {len(self.ts)} times. A true supremum is not below these numbers, a true infimum not above. Lipschitz "
                "constants are greatest norms of derivatives."
            )
        index = self.chosen.index
        whom = (
            f"{self.chosen.x.shape[1]} bridges from all over the law, to ±{WIDTH:g} standard deviations (of a normal law; the same quantiles of another)"
            if index is None
            else f"{len(np.unique(index[0]))} of the given bridges, the outermost among them"
        )
        carried = "carried by the flow along the path of"
        if self.tied:
            whom, carried = f"{self.chosen.x.shape[1]} bridges with velocities of their own", "as they move in"
        return (
            f"Estimated by sampling: {whom}, {carried} {self.level}, at {len(self.ts)} times. A true "
            "supremum is not below these numbers, a true infimum not above. Lipschitz constants are greatest norms of derivatives, "
            "spectral norms but for the second and third derivatives of g: Frobenius norms, never below the operator norm."
        )


def _greatest(values: Array) -> float | None:
    """Over time; None if it is not finite, or if nothing was there."""
    value = float(np.max(values))
    return value if math.isfinite(value) else None
