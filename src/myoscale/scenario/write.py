"""From a `Problem` to a TOML text: every number so that it is read back to the same bits, every key with its meaning."""

import dataclasses
import enum
import typing
from typing import Any

import equinox as eqx
import jax
import numpy as np
import tomlkit

from ..errors import InputError
from ..fields import resolved, spelled
from ..levels import AbstractLevel
from ..levels.spec import level_spec
from ..model import AbstractCycling, AbstractLaw, Stacked, Start, scheme_of
from ..zoo import Problem
from .catalogue import KINDS, Catalogue
from .schema import parameters
from .units import Units

_COLUMN = 40  # where comments begin
_AN_EXAMPLE = '{ type = "Huxley1957" }'
_HEAD = {
    "t1": "end of the run [{time}]",
    "save": "how many times to save, evenly, or the times themselves",
    "tolerance": "aimed at in y and its velocity",
    "seed": "fixes every random number",
    "levels": "reduced:N, characteristics:NODES, kinetic:CELLS, moments",
    "reference": "what errors are measured against",
}
_TABLES = {
    "tissue": "What moves: y, its mass and its passive energy.",
    "bridge": "The cross-bridges: their mass, constraint and energy.",
    "bridge.cycling": "How they attach and detach.",
    "noise": "What shakes tissue and bridges.",
    "start": "Where everything begins.",
    "start.x": "The law of the bridges' extension x.",
    "drive": "What is done to the tissue.",
    "drive.steps": "What is done, in this order.",
    "drive.load": "The external force over time.",
    "drive.activation": "The activation over time.",
    "drive.y": "The prescribed length over time.",
    "tissue.local": "What the bridges see of y.",
    "tissue.shape": "What the tissue is cut from, with its fibres.",
    "tissue.material": "The passive material, by its strain energy.",
    "tissue.conditions": "What happens at its boundary.",
    "tissue.activation": "The share of the activation, over time.",
    "tissue.overlap": "The factor of attachment, over the fibre stretch.",
}


def text(problem: Problem, catalogue: Catalogue | None = None, *, comments: bool = True) -> str:
    """A problem as a scenario file.

    **Arguments:** `problem`; `catalogue`, to name other types that could stand there; `comments`: say what every key means.

    **Returns:** TOML, read back by `parse` to the same numbers.

    **Raises:** `InputError` for what a file cannot hold: a Python function of time.
    """
    writer = _Writer(Units(**problem.units) if problem.units else None, catalogue or Catalogue(), comments)
    writer.head(problem)
    model = problem.model
    writer.cycling = scheme_of(model.bridge) is not None
    writer.are_lengths = model.tissue.are_lengths
    writer.table("tissue", model.tissue)
    if isinstance(model.bridge, Stacked):
        for k in range(model.bridge.points):
            writer.table("bridge", jax.tree.map(lambda a, k=k: a[k], model.bridge.each), listed=True)
    else:
        writer.table("bridge", model.bridge)
    if model.noise is not None:
        writer.table("noise", model.noise)
    writer.table("start", problem.start)
    writer.table("drive", problem.drive)
    if problem.output:
        writer.lines += ["", "[output]"]
        writer.line("folder", problem.output, "where results are written")
    return "\n".join(writer.lines) + "\n"


class _Writer:
    """Lines of a file."""

    def __init__(self, units: Units | None, catalogue: Catalogue, comments: bool):
        self.units, self.catalogue, self.comments, self.are_lengths = units, catalogue, comments, True
        self.cycling = False
        self.lines: list[str] = []

    def head(self, problem: Problem) -> None:
        """What is not a table, and the units."""
        for key in ("title", "source"):
            if getattr(problem, key):
                self.line(key, getattr(problem, key))
        if self.lines:
            self.lines.append("")
        for key in ("t1", "save", "tolerance", "seed", "levels", "reference"):
            value: Any = getattr(problem, key)
            if isinstance(value, AbstractLevel):
                value = level_spec(value)
            if key == "levels":
                value = [level_spec(level) for level in problem.levels]
            comment = _HEAD[key].format(time=self._unit("time"))
            if value is None:
                self._left_out(key, comment)
            else:
                self.line(key, value, comment)
        if self.units is not None:
            self.lines += ["", "[units]"]
            for key, value in dataclasses.asdict(self.units).items():
                self.line(key, value)

    def table(self, name: str, value: eqx.Module, listed: bool = False, driven: str = "") -> None:
        """One object: its plain keys, then the objects in it."""
        kind = type(value)
        self.lines.append("")
        if self.comments and not (listed and f"[[{name}]]" in self.lines):
            self.lines += [f"# {_TABLES[name]}"] if name in _TABLES else []
        self.lines.append(f"[[{name}]]" if listed else f"[{name}]")
        if base := next((base for base in KINDS if isinstance(value, base)), None):
            others = [other for other in self.catalogue.names[base] if other != kind.__name__]
            self.line("type", kind.__name__, f"or {', '.join(others)}" if others else "")
        inner = []
        fields = {field.metadata.get("key") or field.name: field.name for field in dataclasses.fields(kind)}
        for key, (annotation, default, metadata) in parameters(kind).items():
            part = getattr(value, fields.get(key, key))
            if isinstance(value, Start) and not self._belongs(key, value):
                continue
            unit = driven if metadata.get("unit") == "driven" else resolved(metadata.get("unit", ""), self.are_lengths)
            comment = metadata.get("doc", "") + (f" [{self._unit(unit)}]" if unit not in ("", "1") else "")
            if isinstance(part, eqx.Module) or (isinstance(part, tuple) and part and isinstance(part[0], eqx.Module)):
                if not (isinstance(default, eqx.Module) and type(part) is type(default) and part == default):
                    inner.append((f"{name}.{key}", part, unit))
            elif part is None:
                if default is not None:
                    raise InputError(
                        f"A scenario file cannot hold None for {name}.{key}, whose default is {default!r:.40}: give it a number."
                    )
                self._left_out(key, comment, _AN_EXAMPLE if AbstractCycling in typing.get_args(annotation) else "")
            elif callable(part):
                raise InputError(
                    f"A scenario file cannot hold the Python function in {name}.{key}: use a signal, Ramp, Sine, Series or Polyline."
                )
            else:
                choices = ", ".join(type(part)) if isinstance(part, enum.StrEnum) else ""
                self.line(key, part, f"{comment}: {choices}" if choices else comment)
        for path, part, unit in inner:
            for item in part if isinstance(part, tuple) else (part,):
                self.table(path, item, isinstance(part, tuple), unit)

    def line(self, key: str, value: Any, comment: str = "") -> None:
        """key = value  # comment"""
        written = f"{key} = {_toml(value)}"
        if not comment or not self.comments:
            self.lines.append(written)
        elif len(written) > _COLUMN:
            self.lines += [f"# {comment}", written]
        else:
            self.lines.append(f"{written.ljust(_COLUMN - 2)}  # {comment}")

    def _belongs(self, key: str, start: Start) -> bool:
        """Whether a key of the start means something: a law has no weights, and only cycling bridges are partly attached."""
        if key == "weights":
            return not (self.cycling or isinstance(start.x, AbstractLaw))
        return key != "attached" or self.cycling or bool(start.attached != 0)

    def _left_out(self, key: str, comment: str, example: str = "") -> None:
        if self.comments:
            self.lines.append(f"# {key} = {example}".rstrip().ljust(_COLUMN - 2) + f"  # {comment}")

    def _unit(self, unit: str) -> str:
        return spelled(unit, self.units and dataclasses.asdict(self.units))


def _toml(value: Any) -> str:
    """A value as TOML; matrices one row a line."""
    if hasattr(value, "shape"):
        value = np.asarray(value, float).tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        rows = [_toml(item) for item in value]
        if value and isinstance(value[0], list):
            return "[\n" + "".join(f"    {row},\n" for row in rows) + "]"
        return f"[{', '.join(rows)}]"
    return tomlkit.item(value).as_string()
