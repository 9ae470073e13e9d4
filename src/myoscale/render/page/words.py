"""What the page says in words: the verdict, the model and its parameters, versions, how to run it again."""

import dataclasses
import importlib.metadata
import inspect
import platform
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...fields import resolved, spelled
from ...model import AbstractCycling, AbstractLaw, scheme_of
from ...solution import Scenario
from ...study import Row, Study
from ...tissue import ContinuumTissue

_CLOSE = 1e-3  # of the amplitude: an error that no figure shows
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PACKAGES = ("myoscale", "jax", "diffrax", "equinox", "numpy", "plotly")


class Parameter(NamedTuple):
    """One line of the model's table."""

    name: str
    value: str
    says: str


def verdict(study: Study) -> str:
    """One or two sentences: which levels agree to what, and which of the good ones is cheapest."""
    rows = [row for row in study.rows if row.label in study.solutions]
    sentences = []
    others = [row for row in rows if row.label != study.reference and not np.isnan(row.error_y)]
    if others:
        sentences += _agreement(study, others)
    elif rows:
        y = np.asarray(study.solutions[rows[0].label].y)
        span = f", y between {y.min():.4g} and {y.max():.4g}" if y.shape[1] == 1 else ""
        sentences.append(f"{rows[0].label} from t = 0 to {rows[0].reached:.4g}{span.replace('-', '−')}.")
    if stopped := [f"{row.label} at t = {row.reached:.4g}" for row in study.rows if row.message]:
        sentences.append(f"Stopped early: {', '.join(stopped)}.")
    broken = [row.label for row in rows if row.broken]
    worst = max((row.drift for row in rows if np.isfinite(row.drift)), default=np.nan)
    if broken:
        sentences.append(
            f"{_listed(broken)} lost {'its' if len(broken) == 1 else 'their'} energy balance: do not trust."
        )
    elif np.isfinite(worst):
        sentences.append(f"Energy is accounted for to {_part(worst)}.")
    return " ".join(sentences)


def _agreement(study: Study, others: list[Row]) -> list[str]:
    reference = np.asarray(study.solutions[study.reference].y) if study.reference in study.solutions else None
    amplitude = 0.0 if reference is None else float(np.linalg.norm(np.ptp(reference, axis=0)) / 2)
    scale, of = (amplitude, " of the motion") if amplitude > 0 else (1.0, "")
    error = {row.label: row.error_y / scale for row in others}
    if study.cycles:
        error, of = {row.label: row.error_force for row in others}, " of the bridges' greatest force"
    close = [row for row in others if error[row.label] <= _CLOSE]
    far = [row for row in others if error[row.label] > _CLOSE]
    said = []
    if close:
        worst = max(error[row.label] for row in close)
        follow = "follows" if len(close) == 1 else "follow"
        said.append(
            f"{_listed([row.label for row in close])} {follow} the reference {study.reference} to {_part(worst)}{of}."
        )
    finished = [row for row in close if not row.message]
    if len(finished) > 1:
        best = min(finished, key=lambda row: row.wall)
        said.append(f"The cheapest of those is {best.label}, {_seconds(best.wall)}.")
    if far:
        to = "" if close else f" from the reference {study.reference}"
        each = [f"{row.label} by {_part(error[row.label])}" for row in far]
        said.append(f"Off{to}: {', '.join(each)}{'' if close else of}.")
    return said


def one_way_sentence(study: Study) -> str:
    """What the bridges' mass does."""
    if (effect := study.one_way) is None:
        return ""
    if np.isnan(effect.relative_y):
        return "The tissue does not move, with or without the mass of the bridges."
    if effect.effect_y == 0:
        return "The mass of the bridges changes nothing in this motion."
    return (
        f"Without the mass of the bridges in the equation (one-way coupling, m = 0) the tissue would be off by up to "
        f"{_part(effect.relative_y)} of its motion, its velocity by {_part(effect.relative_v)}; counting their kinetic "
        f"energy all the same leaves {_part(effect.ledger_error)} of the energy unexplained."
    )


def parameters(scenario: Scenario, units: Mapping[str, str] | None) -> list[tuple[str, str, list[Parameter]]]:
    """Blocks of the model's table: heading, what it is, its parameters."""
    law = scenario.start.x
    blocks = [("Tissue", scenario.model.tissue), ("Bridge", _bridge(scenario)), ("Start", scenario.start)]
    scheme = scheme_of(scenario.model.bridge)
    blocks[2:2] = [("Cycling", scheme)] * (scheme is not None)
    blocks += [("Law of the extension x", law)] * dataclasses.is_dataclass(law) + [("Drive", scenario.drive)]
    found = [
        (_heading(name, thing), _first_line(thing), list(_fields(thing, units, scenario.model.tissue.are_lengths)))
        for name, thing in blocks
    ]
    save = scenario.save if np.ndim(scenario.save) == 0 else f"{len(np.asarray(scenario.save))} times"
    run = [
        Parameter("t1", f"{float(scenario.t1):.6g}" + (f" {units['time']}" if units else ""), "end of the run"),
        Parameter("save", str(save), "times saved"),
        Parameter("tolerance", f"{float(scenario.tolerance):g}", "aimed at in y and its velocity"),
        Parameter("seed", str(scenario.seed), "of every random number"),
    ]
    return [*found, ("Run", "", run)]


def versions() -> str:
    """What computed and drew it."""
    found = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    return ", ".join([*found, f"Python {platform.python_version()}"])


def again(study: Study) -> str:
    """Python lines that run the study again from its file."""
    scenario = next(iter(study.solutions.values())).scenario
    own = sorted({kind.__name__ for kind in _classes((scenario.model, scenario.start, scenario.drive))})
    types = f", types=[{', '.join(own)}]" if own else ""
    if study.alone:
        return "\n".join(
            [
                "import myoscale as ms",
                "",
                f'run = ms.load("solution.nc"{types}).scenario',
                "solution = ms.solve(",
                "    run.model, run.level, run.start, t1=run.t1, drive=run.drive,",
                "    save=run.save, tolerance=run.tolerance, seed=run.seed,",
                ")",
            ]
        )
    others = " ".join(label for label in study.solutions if label != study.reference)
    return "\n".join(
        [
            "import myoscale as ms",
            "from myoscale import store",
            "from myoscale.levels.spec import parse_level, parse_levels",
            "",
            f'run = store.typed_attribute(store.read("study.nc"), "level_0_scenario"{types})',
            f'levels = parse_levels(["{others or study.reference}"])',
            f'reference = parse_level("{study.reference}")',
            "study = ms.compare(",
            "    run.model, run.start, t1=run.t1, levels=levels, reference=reference, drive=run.drive,",
            "    save=run.save, tolerance=run.tolerance, seed=run.seed,",
            ")",
        ]
    )


def _classes(thing: Any) -> set[type]:
    """Classes of the user's own in it."""
    if isinstance(thing, list | tuple):
        return {kind for part in thing for kind in _classes(part)}
    if not dataclasses.is_dataclass(thing):
        return set()
    own = set() if type(thing).__module__.partition(".")[0] == "myoscale" else {type(thing)}
    return own | _classes([getattr(thing, field.name) for field in dataclasses.fields(thing)])


def _heading(name: str, thing: Any) -> str:
    return name if type(thing).__name__ == name else f"{name}: {type(thing).__name__}"


def _bridge(scenario: Scenario) -> Any:
    return getattr(scenario.model.bridge, "each", scenario.model.bridge)


def _fields(thing: Any, units: Mapping[str, str] | None = None, are_lengths: bool = True) -> Iterator[Parameter]:
    for field in dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ():
        value = getattr(thing, field.name)
        if value is None or isinstance(value, AbstractLaw | AbstractCycling):  # these have a block of their own
            continue
        if isinstance(thing, ContinuumTissue) and field.name in ("space", "fibres"):  # made of the others
            continue
        says, unit = field.metadata.get("doc", ""), resolved(field.metadata.get("unit", ""), are_lengths)
        measured = units is not None and unit not in ("", "1", "driven")
        inside = _value(value, units, are_lengths)
        yield Parameter(field.name, inside + (f" {spelled(unit, units)}" if measured else ""), says)


def _value(value: Any, units: Mapping[str, str] | None = None, are_lengths: bool = True) -> str:
    if isinstance(value, bool | str | int):
        return str(value)
    if dataclasses.is_dataclass(value):
        inside = ", ".join(f"{p.name} = {p.value}" for p in _fields(value, units, are_lengths))
        return type(value).__name__ + (f"({inside})" if inside else "")
    if callable(value):
        return getattr(value, "__name__", type(value).__name__).replace("<lambda>", "a function of t")
    if isinstance(value, list | tuple):
        parts = [_value(part, units, are_lengths) for part in value]
        return "; ".join(parts) if any(map(dataclasses.is_dataclass, value)) else f"({', '.join(parts)})"
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        return type(value).__name__
    if array.size > 16:
        return f"{' × '.join(map(str, array.shape))} numbers from {array.min():.4g} to {array.max():.4g}"
    return np.array2string(array, separator=", ", formatter={"float_kind": lambda v: f"{v:.6g}"}).replace("\n", "")


def _first_line(thing: Any) -> str:
    """What a class says of itself, unless it says nothing and dataclasses said something for it."""
    kind = type(thing)
    text = (inspect.cleandoc(kind.__doc__).split("\n\n")[0] if kind.__doc__ else "").replace("\n", " ")
    return "" if text.startswith(f"{kind.__name__}(") else text.replace("`", "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _part(fraction: float) -> str:
    """A fraction in words that a reader can hold on to."""
    if not np.isfinite(fraction):
        return "an unknown part"
    if fraction >= 9.95e-4:
        return f"{100 * fraction:.2g} %" if fraction < 0.995 else f"{100 * fraction:.0f} %"
    if fraction == 0:
        return "the last digit"
    digit, exponent = f"{fraction:.0e}".split("e")
    return f"{digit}·10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def _seconds(wall: float) -> str:
    return f"{wall:.2g} s" if wall < 10 else f"{wall:.0f} s"
