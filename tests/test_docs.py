"""The site says what there is: every public name has a place in the API pages, and what the notation table calls something is called so.

Load-bearing: `test_every_public_name_is_documented`, which fails the moment a name is added or removed without its page.
"""

import dataclasses
import importlib
import re
from pathlib import Path

import myoscale as ms
from myoscale.solution import Energy
from myoscale.study import Row
from myoscale.zoo import LinearBridge

DOCS = Path(__file__).resolve().parent.parent / "docs"
ROOMS = ("protocol", "scenario", "zoo")


def documented() -> set[str]:
    """What the API pages hold, as dotted names."""
    return {name for page in (DOCS / "api").glob("*.md") for name in re.findall(r"(?m)^::: (\S+)", page.read_text())}


def public() -> set[str]:
    names = {f"myoscale.{name}" for name in ms.__all__ if name not in ROOMS}
    assert set(ROOMS) < set(ms.__all__)
    return names | {f"myoscale.{room}.{name}" for room in ROOMS for name in getattr(ms, room).__all__}


def test_every_public_name_is_documented():
    missing = public() - documented()
    assert not missing, f"expected every public name in docs/api, observed none of {sorted(missing)}"
    assert len(public()) > 50


def test_every_documented_name_exists():
    for name in documented():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), f"docs/api has {name}, which does not exist"


def test_notation_table_uses_the_names_of_the_code():
    """`solution.singular_value` and its like, each looked up in the class that the first word stands for."""
    model = ms.zoo.linear()[0]
    kinds = {
        "Start": ms.Start,
        "solution": ms.Solution,
        "energy": Energy,
        "tissue": ms.SpringMass,
        "SpringMass": ms.SpringMass,
        "bridge": LinearBridge,
        "model": type(model),
        "row": Row,
        "snapshot": ms.Snapshot,
        "Free": ms.Free,
        "Length": ms.Length,
        "QuasiStatic": ms.QuasiStatic,
    }
    text = (DOCS / "theory.md").read_text()
    table = text[text.index("## Notation") : text.index("## 1. One Lagrangian")]
    names = re.findall(r"`(\w+)\.(\w+)(?:\(\))?`", table)
    assert len(names) > 30, "no table found: nothing was checked"
    for kind, attribute in names:
        known = {field.name for field in dataclasses.fields(kinds[kind])} | set(dir(kinds[kind]))
        assert attribute in known, f"the notation table has {kind}.{attribute}, which does not exist"
