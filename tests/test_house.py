"""The house keeps its promises: importing changes nothing, and a class is abstract or final.

The load-bearing test is `test_classes_are_abstract_or_final`; `test_breaches_are_seen` shows that it
can fail. Which room may import which is import-linter's business (`make lint`), not this file's.
"""

import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path

import equinox as eqx
import pytest

import myoscale

ROOT = Path(__file__).resolve().parent.parent


def module_names() -> list[str]:
    """Every module of the package; `__main__` is left out because importing it runs it."""
    found = pkgutil.walk_packages(myoscale.__path__, "myoscale.")
    return ["myoscale", *(m.name for m in found if not m.name.endswith("__main__"))]


def package_modules() -> set[type[eqx.Module]]:
    """Every `eqx.Module` subclass that a module of the package defines.

    Found by name and not through `__subclasses__`, which also knows classes that tests define.
    """
    return {
        value
        for name in module_names()
        for value in vars(importlib.import_module(name)).values()
        if inspect.isclass(value) and issubclass(value, eqx.Module) and value.__module__.partition(".")[0] == "myoscale"
    }


def is_abstract(cls: type[eqx.Module]) -> bool:
    """Whether Python or Equinox refuses to make an instance, whatever the arguments.

    Calling the class would not tell: missing arguments raise `TypeError` too.
    """
    return bool(cls.__abstractmethods__ or cls.__abstractvars__ or cls.__abstractclassvars__)


def breaches(classes: Collection[type[eqx.Module]]) -> list[str]:
    """One sentence for each class that is neither abstract nor final, or is named as what it is not."""
    found = []
    for cls in classes:
        named = cls.__name__.lstrip("_").startswith("Abstract")
        children = sorted(c.__name__ for c in classes if cls in c.__mro__[1:])
        if named and not is_abstract(cls):
            found.append(f"{cls.__name__} is named Abstract but can be instantiated")
        elif is_abstract(cls) and not named:
            found.append(f"{cls.__name__} is abstract but its name does not start with Abstract")
        elif children and not named:
            found.append(f"{cls.__name__} can be instantiated but is subclassed by {children}")
    return sorted(found)


def test_classes_are_abstract_or_final():
    classes = package_modules()
    assert any(is_abstract(cls) for cls in classes), "no abstract class found: nothing was checked"
    assert not breaches(classes)


def test_breaches_are_seen():
    class AbstractMethod(eqx.Module):
        @abstractmethod
        def area(self) -> float: ...

    class AbstractField(eqx.Module):
        width: eqx.AbstractVar[float]

    class Square(AbstractMethod):
        width: float

        def area(self) -> float:
            return self.width**2

    class Unit(Square):
        pass

    class Forgot(AbstractMethod):
        width: float

    class AbstractNothing(eqx.Module):
        width: float

    assert breaches([AbstractMethod, AbstractField, Square]) == []
    assert breaches([Square, Unit]) == ["Square can be instantiated but is subclassed by ['Unit']"]
    assert breaches([Forgot]) == ["Forgot is abstract but its name does not start with Abstract"]
    assert breaches([AbstractNothing]) == ["AbstractNothing is named Abstract but can be instantiated"]


@pytest.mark.parametrize("x64", ["0", "1"])
def test_import_leaves_jax_settings_alone(x64):
    """In a fresh process, and whichever way the user has set 64-bit mode."""
    program = (
        "import importlib, sys, jax\n"
        "before = dict(jax.config.values)\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "after = dict(jax.config.values)\n"
        "print({k: (before[k], v) for k, v in after.items() if before.get(k, v) != v})\n"
        "print(jax.config.jax_enable_x64)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *module_names()],
        env={**os.environ, "JAX_ENABLE_X64": x64},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["{}", str(x64 == "1")]


def test_shapes_are_checked_here():
    """Without the hook of `conftest.py`, every wrong shape in the package would pass unseen."""
    loaders = {name: type(importlib.import_module(name).__spec__.loader).__module__ for name in module_names()}
    assert not {n: m for n, m in loaders.items() if not m.startswith("jaxtyping")}


def test_version_is_the_same_everywhere():
    version = re.escape(importlib.metadata.version("myoscale"))
    assert re.search(rf"(?m)^version: {version}$", (ROOT / "CITATION.cff").read_text())
    assert re.search(rf"(?m)^## \[{version}\]", (ROOT / "CHANGELOG.md").read_text())
