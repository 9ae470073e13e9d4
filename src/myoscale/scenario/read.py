"""From a TOML text to a `Problem`, or one sentence that says which line and key to mend."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import InputError, nearest
from ..model import Start
from ..protocol import AbstractStep
from ..run.check import check
from ..solution import Scenario
from ..study.compare import check_levels
from ..types import float64
from ..zoo import Problem
from .catalogue import Catalogue
from .lines import line_of
from .schema import parameters, schema
from .units import Units

_LARGEST = 2**24  # bytes: of a text that people edit


def read(path: str | Path, module: str | Path | Catalogue | None = None) -> Problem:
    """Read a scenario file.

    **Arguments:** `path`; `module`, a Python file that defines bridges (or other parts) that the scenario names.

    **Returns:** a `Problem`, checked.

    **Raises:** `InputError` for a file that cannot be read, or used: the line, the key, the nearest valid name.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"Cannot read '{path}': it is larger than {_LARGEST >> 20} MiB, no scenario file.")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"Cannot read '{path}': {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"Cannot read '{path}': byte {error.start} is not UTF-8 text.") from None
    return parse(text, module, name=str(path))


@float64
def parse(text: str, module: str | Path | Catalogue | None = None, *, name: str = "the scenario") -> Problem:
    """Read a scenario from a text; `name` is what errors call it. Otherwise as `read`.

    **Raises:** `InputError`, as `read`.
    """
    catalogue = module if isinstance(module, Catalogue) else Catalogue(module)
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"Cannot read {name} as TOML: {error}.") from None
    try:
        problem = schema(catalogue).problem(tree, _units(tree.get("units")))
    except ValidationError as error:
        path, said = _sentence(error, tree, catalogue)
        raise InputError(
            f"{_where(name, text, path)}: {said.removesuffix('.')}{'' if said.endswith('?') else '.'}"
        ) from None
    except InputError as error:
        raise InputError(f"{_where(name, text, ['units'])}: {error}") from None
    try:
        _check(problem)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return problem


def _units(table: Any) -> Units | None:
    if table is None:
        return None
    wanted = ("length", "force", "time")
    if not isinstance(table, dict):
        raise InputError(f"Expected a table [units] with {', '.join(wanted)}. Received {table!r:.60}.")
    for key, value in table.items():
        if key not in wanted:
            raise InputError(f"The table [units] has no key '{key}': {nearest(key, wanted)}")
        if not isinstance(value, str):
            raise InputError(f'Expected units.{key} to be a text, "nm" for instance. Received {value!r:.60}.')
    if missing := [key for key in wanted if key not in table]:
        raise InputError(f"The table [units] lacks '{missing[0]}': it needs {', '.join(wanted)}.")
    return Units(**table)


def _check(problem: Problem) -> None:
    """What can be known of a problem before it is run."""
    if not problem.levels:
        raise InputError('Expected one level or more, levels = ["moments"] for instance. Received none.')
    check_levels(problem.levels, problem.reference)
    for level in (*problem.levels, *((problem.reference,) if problem.reference else ())):
        check(Scenario(problem.model, level, problem.start, **problem.options))


def _where(name: str, text: str, path: list[Any]) -> str:
    line = line_of(text, path) if path else None
    return name if line is None else f"{name}, line {line}"


def _sentence(error: ValidationError, tree: Any, catalogue: Catalogue) -> tuple[list[Any], str]:
    """Where in the file, and what, of the first finding: unknown keys before missing ones, of which they are often the cause."""
    order = {"extra_forbidden": 0, "missing": 2}
    found: Any = min(error.errors(include_url=False), key=lambda e: order.get(e["type"], 1))
    kind, path, table = found["type"], [], tree
    for item in found["loc"][: len(found["loc"]) - (kind in ("extra_forbidden", "missing"))]:
        inside = (isinstance(table, dict) and item in table) or (isinstance(table, list) and isinstance(item, int))
        if inside:  # not the tags of alternatives, which are no part of the file
            path, table = [*path, item], table[item]
    key = _spelled(path)
    if kind == "extra_forbidden":
        name = str(found["loc"][-1])
        said = f"{key or 'the file'} has no key '{name}': {nearest(name, _keys(found, table, catalogue))}"
        return [*path, name], said
    if kind == "missing":
        lacking = str(found["loc"][-1])
        where = f"{key} lacks" if key else "the file lacks"
        return path, f"{where} '{lacking}'{_meaning(found, lacking, catalogue)}"
    if kind == "union_tag_invalid":
        names = [name.strip("'") for name in found["ctx"]["expected_tags"].split(", ")]
        said = f"there is no type '{found['ctx']['tag']}' for {key}: {nearest(found['ctx']['tag'], names)}"
        own = path[0] in ("bridge", "tissue") and not catalogue.own
        return [*path, "type"], said + (" A class of your own comes in by --module FILE.py." if own else "")
    if kind == "union_tag_not_found":
        if isinstance(table, dict):
            return path, f"{key} lacks 'type', the name of a class in quotes"
        return path, f"{key}: expected a table with a key 'type'. Received {table!r:.60}"
    if kind == "value_error":
        said = str(found["ctx"]["error"])
        return path, f"{key}: {said}".rstrip(".")
    if kind == "literal_error":
        return path, f"{key}: expected {found['ctx']['expected']}. Received {found['input']!r:.60}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return path, f"{key}: expected a table. Received {found['input']!r:.60}"
    if kind == "list_type":
        return path, f"{key}: expected a list. Received {found['input']!r:.60}"
    return path, f"{key}: {found['msg']}"


def _spelled(path: list[Any]) -> str:
    """A path as people write it: start.x.laws[1].mean."""
    spelled = ""
    for item in path:
        spelled += f"[{item}]" if isinstance(item, int) else f".{item}" if spelled else str(item)
    return spelled


def _kind(found: Any, catalogue: Catalogue) -> type | None:
    """The class whose table a finding is about."""
    if found["loc"] and found["loc"][0] == "start" and len(found["loc"]) == 2:
        return Start
    steps = catalogue.names[AbstractStep]  # one has the name of a signal, but stands in a list
    names = {name: kind for kinds in catalogue.names.values() if kinds is not steps for name, kind in kinds.items()}
    loc = found["loc"][:-1]
    for before, item in zip(reversed((None, *loc[:-1])), reversed(loc), strict=True):
        if isinstance(before, int) and item in steps:
            return steps[item]
        if item in names:
            return names[item]
    return None


def _keys(found: Any, table: Any, catalogue: Catalogue) -> list[str]:
    """The keys that a table may have."""
    if len(found["loc"]) == 1:
        return list(schema(catalogue).file.model_fields)
    if found["loc"][0] == "output":
        return ["folder"]
    kind = _kind(found, catalogue)
    return [*(["type"] if "type" in table else []), *(parameters(kind) if kind else ())]


def _meaning(found: Any, name: str, catalogue: Catalogue) -> str:
    """What a missing key says, in brackets."""
    if len(found["loc"]) == 1:
        meaning = {"t1": "the end of the run", "levels": 'levels = ["reduced:1000", "moments"] for instance'}.get(name)
        return f" ({meaning})" if meaning else f": a table [{name}]"
    kind = _kind(found, catalogue)
    doc = parameters(kind)[name][2].get("doc") if kind and name in parameters(kind) else None
    return f" ({doc})" if doc else ""
