"""What a scenario file may hold, derived from the classes themselves: each table is a pydantic model made from a constructor.

A constructor's argument becomes a key; its annotation says what the key may be (a number, an array, a choice, a table of another
class), its default whether it may be left out. Validating a table makes the object.
"""

import dataclasses
import enum
import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

import jax
import numpy as np
from jaxtyping import AbstractArray
from pydantic import AfterValidator, ConfigDict, Discriminator, Field, PlainValidator, Tag, create_model
from pydantic_core import PydanticCustomError

from ..drive import AbstractDrive, AbstractSignal
from ..errors import InputError
from ..fields import resolved
from ..levels.spec import parse_level
from ..model import AbstractBridge, AbstractNoise, AbstractTissue, Model, Stacked, Start
from ..zoo import Problem
from .catalogue import KINDS, Catalogue
from .units import Units

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


def parameters(kind: type) -> dict[str, tuple[Any, Any, dict[str, str]]]:
    """The constructor's arguments of a class: annotation, default (`inspect.Parameter.empty` if there is none), field's metadata."""
    fields = {field.metadata.get("key") or field.name: field for field in dataclasses.fields(kind)}
    hints = _hints(kind)
    found = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        field = fields.get(name)
        annotation = parameter.annotation if field is None else hints.get(field.name, field.type)
        found[name] = annotation, parameter.default, {} if field is None else dict(field.metadata)
    return found


def _hints(kind: type) -> dict[str, Any]:
    """Annotations of a class, those written as text evaluated where they can be."""
    try:
        return typing.get_type_hints(kind)
    except Exception:  # a name that exists for type checkers only
        return {}


class Schema:
    """The pydantic model of a whole file, for one catalogue of classes.

    **Arguments:** `catalogue`.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self._made: dict[Any, Any] = {}
        tissue: Any = Annotated[self.choice(AbstractTissue), AfterValidator(_tell)]
        bridge: Any = self.choice(AbstractBridge)
        several = Annotated[list[bridge], AfterValidator(lambda bridges: _make(Stacked, bridges))]
        level: Any = Annotated[Any, PlainValidator(_level)]
        words: Any = Annotated[Any, PlainValidator(_words)]
        number: Any = self.value(float, {"unit": "time"})
        times = Annotated[list[number], AfterValidator(tuple)]
        listed = lambda value: "several" if isinstance(value, list) else "one"
        defaults = {field.name: field.default for field in dataclasses.fields(Problem)}
        self.file = create_model(
            "Scenario",
            __config__=_CONFIG,
            title=(words, ""),
            source=(words, defaults["source"]),
            t1=(number, ...),
            save=(_either(listed, one=self.value(int, {}), several=times), defaults["save"]),
            tolerance=(self.value(float, {}), defaults["tolerance"]),
            seed=(self.value(int, {}), defaults["seed"]),
            levels=(list[level], ...),  # pyright: ignore[reportInvalidTypeForm]  (made at run time)
            reference=(level, None),
            tissue=(tissue, ...),  # before what depends on it
            bridge=(_either(listed, one=bridge, several=several), ...),
            start=(self.table(Start), ...),
            noise=(self.choice(AbstractNoise), None),
            drive=(self.choice(AbstractDrive), defaults["drive"]),
            units=(Any, None),
            output=(create_model("Output", __config__=_CONFIG, folder=(words, ...)), None),
        )

    def problem(self, tree: dict[str, Any], units: Units | None) -> Problem:
        """The problem that a parsed file describes.

        **Raises:** pydantic's `ValidationError`.
        """
        file: Any = self.file.model_validate(tree, context={"units": units, "are_lengths": True})
        return Problem(
            title=file.title,
            model=Model(file.tissue, file.bridge, file.noise),
            start=file.start,
            t1=file.t1,
            levels=tuple(file.levels),
            reference=file.reference,
            drive=file.drive,
            save=file.save,
            tolerance=file.tolerance,
            seed=file.seed,
            source=file.source,
            output=file.output.folder if file.output else "",
            units=units and dataclasses.asdict(units),
        )

    def table(self, kind: type, driven: str = "", typed: bool = False) -> Any:
        """The table of one class; its name is the key `type` if there is a choice."""
        key = kind, driven, typed
        if key not in self._made:
            keys: dict[str, Any] = {"type": (Literal[kind.__name__], ...)} if typed else {}
            for name, (annotation, default, metadata) in parameters(kind).items():
                metadata = metadata | {"unit": driven} if metadata.get("unit") == "driven" else metadata
                value = self.value(annotation, metadata, inside=kind)
                keys[name] = (value, ... if default is inspect.Parameter.empty else Field(default=None))
            model = create_model(kind.__name__, __config__=_CONFIG, **keys)
            self._made[key] = Annotated[model, AfterValidator(_made_from(kind))]
        return self._made[key]

    def choice(self, base: type, driven: str = "", inside: type | None = None) -> Any:
        """A table of any class of a kind, chosen by its key `type`. A class does not hold its own kind: mixtures are not mixed."""
        kinds = self.catalogue.names[base].items()
        return _either(
            _tag, **{name: self.table(kind, driven, typed=True) for name, kind in kinds if kind is not inside}
        )

    def value(self, annotation: Any, metadata: dict[str, str], inside: type | None = None) -> Any:
        """What a key may be."""
        unit = metadata.get("unit", "")
        members = _members(annotation)
        bases = [kind for kind in KINDS if any(inspect.isclass(m) and issubclass(m, kind) for m in members)]
        if any(typing.get_origin(member) is Callable for member in members):
            bases.append(AbstractSignal)
        plain = self._plain(members, unit, inside)
        if not bases:
            return plain
        tables = self.choice(bases[0], unit if bases[0] is AbstractSignal else "", inside)
        if plain is None:
            return tables
        return _either(lambda value: "table" if isinstance(value, dict) else "plain", table=tables, plain=plain)

    def _plain(self, members: list[Any], unit: str, inside: type | None) -> Any:
        """What is not a table: a choice, a number, an array, a list."""
        for member in members:
            if typing.get_origin(member) is Literal:
                return member
            if inspect.isclass(member) and issubclass(member, enum.Enum):
                return Literal[tuple(choice.value for choice in member)]
            if typing.get_origin(member) is tuple:
                item = self.value(typing.get_args(member)[0], {"unit": unit}, inside)
                return Annotated[list[item], AfterValidator(tuple)]
        axes = [_axes(member) for member in members if _axes(member) is not False]
        if axes:
            few = max((0 if n is None else n) for n in axes)
            check = _array(unit, None if None in axes else few, 0 in axes)
            return Annotated[Any, PlainValidator(check)]
        for wanted, check in ((bool, _flag), (int, _whole), (str, _words)):
            if wanted in members:
                return Annotated[Any, PlainValidator(check)]
        if any(inspect.isclass(m) and issubclass(m, KINDS) for m in members):
            return None
        return Annotated[Any, PlainValidator(_array(unit, None, True))]


def schema(catalogue: Catalogue) -> Schema:
    """The schema of a catalogue; without classes of the user's it is the same for every file, and is made once: that takes longer than reading one."""
    return Schema(catalogue) if catalogue.own else _built_in()


@functools.cache
def _built_in() -> Schema:
    return Schema(Catalogue())


def _members(annotation: Any) -> list[Any]:
    """An annotation's alternatives, None left out."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [m for part in typing.get_args(annotation) for m in _members(part)]
    return [] if annotation in (None, type(None)) else [annotation]


def _axes(member: Any) -> int | Literal[False] | None:
    """How many axes an array annotation has, None if that is open; a number has 0; False if it is neither."""
    if member is float:
        return 0
    if member in (jax.Array, np.ndarray):
        return None
    if not (inspect.isclass(member) and issubclass(member, AbstractArray)):
        return False
    names = getattr(member, "dim_str", "...").split()
    return None if any("..." in name or name.startswith("*") for name in names) else len(names)


def _either(which: Callable[[Any], str | None], **kinds: Any) -> Any:
    """One of several alternatives, chosen by name."""
    tagged = tuple(Annotated[kind, Tag(name)] for name, kind in kinds.items())
    return Annotated[typing.Union[tagged], Discriminator(which)]  # noqa: UP007  (its members are known only now)


def _tag(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    name = value.get("type")
    return name if isinstance(name, str) else None


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("myoscale", "{said}", {"said": message})


def _number(value: Any, unit: str, info: Any) -> float:
    """A finite number, or a text with a unit."""
    if isinstance(value, str):
        units, unit = info.context["units"], resolved(unit, info.context["are_lengths"])
        if not any(letter.isdigit() for letter in value):
            raise _wrong(f"expected a number. Received '{value}'")
        if re.fullmatch(r"[\d.eE+-]+", value.strip()):
            raise _wrong(f"expected a number, without quotes. Received '{value}'")
        if units is None:
            raise _wrong(f"expected a number. Received the text '{value}': units need a table [units] in this file")
        if not unit:
            raise _wrong(f"expected a plain number in the file's units. Received the text '{value}'")
        value = units.convert(value, unit)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"expected a number. Received {value!r:.60}")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise _wrong(f"expected a finite number. Received {value!r}")
    return value


def _array(unit: str, axes: int | None, scalar: bool) -> Callable[[Any, Any], Any]:
    """A check for nested lists of numbers with so many axes (None: any); `scalar`: one number will do."""

    def nested(value: Any, info: Any) -> Any:
        return [nested(item, info) for item in value] if isinstance(value, list) else _number(value, unit, info)

    def check(value: Any, info: Any) -> Any:
        if not isinstance(value, list):
            if not scalar and axes:
                raise _wrong(f"expected {_lists(axes)} of numbers. Received {value!r:.60}")
            return _number(value, unit, info)
        if axes == 0:
            raise _wrong(f"expected one number. Received a list of {len(value)}")
        numbers = nested(value, info)
        try:
            array = np.asarray(numbers, float)
        except ValueError:
            raise _wrong("expected lists of one length. Received others") from None
        if axes is not None and array.ndim != axes:
            raise _wrong(f"expected {_lists(axes)} of numbers. Received an array of shape {array.shape}")
        return array

    return check


def _lists(axes: int) -> str:
    return {1: "a list", 2: "a list of rows"}.get(axes, f"{axes} lists in each other")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise _wrong(f"expected a whole number. Received {value!r:.60}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(f"expected true or false. Received {value!r:.60}")
    return value


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(f"expected a text in quotes. Received {value!r:.60}")
    return value


def _tell(tissue: AbstractTissue, info: Any) -> AbstractTissue:
    """Let what comes after the tissue know whether its coordinates are lengths."""
    info.context["are_lengths"] = tissue.are_lengths
    return tissue


def _level(value: Any) -> Any:
    return parse_level(_words(value))


def _make(kind: type, *arguments: Any, **named: Any) -> Any:
    """An object; what its constructor finds wrong is a finding of the validation."""
    try:
        return kind(*arguments, **named)
    except InputError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        raise _wrong(f"{kind.__name__} cannot be made of these values: {said:.200}") from None


def _made_from(kind: type) -> Callable[[Any], Any]:
    """From a validated table to its object; what was left out keeps the constructor's own default."""
    return lambda table: _make(kind, **{n: getattr(table, n) for n in table.model_fields_set if n != "type"})
