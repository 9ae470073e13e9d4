"""The classes that a scenario file can name: those of myoscale, and those of one Python file of the user's."""

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path

import equinox as eqx

from .. import drive, model, protocol, tissue, zoo
from ..drive import AbstractDrive, AbstractSignal
from ..errors import InputError
from ..model import AbstractBridge, AbstractCycling, AbstractLaw, AbstractNoise, AbstractTissue
from ..protocol import AbstractStep
from ..tissue import AbstractCondition, AbstractKinematics, AbstractMaterial, AbstractShape

KINDS = (
    AbstractTissue,
    AbstractBridge,
    AbstractCycling,
    AbstractLaw,
    AbstractNoise,
    AbstractDrive,
    AbstractStep,
    AbstractSignal,
    AbstractKinematics,
    AbstractShape,
    AbstractMaterial,
    AbstractCondition,
)


class Catalogue:
    """Names of classes, by what they are.

    **Arguments:** `module`, a Python file whose bridges, schemes of cycling, tissues, laws, drives and signals can be named too.

    **Raises:** `InputError` if the file cannot be run, defines none, or takes a name that is in use.
    """

    def __init__(self, module: str | Path | None = None):
        self.names: dict[type, dict[str, type]] = {kind: {} for kind in KINDS}
        for room in (tissue, zoo, model, drive, protocol):
            self._add(vars(room).values())
        self.own: tuple[type, ...] = ()  # the user's
        if module is not None:
            loaded = _load(Path(module))
            defined = [value for value in vars(loaded).values() if getattr(value, "__module__", "") == loaded.__name__]
            self.own = self._add(defined, f"'{module}'")
            if not self.own:
                raise InputError(
                    f"Expected '{module}' to define a bridge, class Mine(ms.AbstractBridge), or another part of a model. "
                    "Received none that can be used."
                )

    def _add(self, values, where: str = "") -> tuple[type, ...]:
        added = []
        for value in values:
            if not inspect.isclass(value) or not issubclass(value, KINDS) or _is_abstract(value):
                continue
            kind = next(kind for kind in KINDS if issubclass(value, kind))
            if where and value.__name__ in self.names[kind]:
                raise InputError(
                    f"The class {value.__name__} in {where} has the name of a built-in one: call it something else."
                )
            self.names[kind][value.__name__] = value
            added.append(value)
        return tuple(added)


def _is_abstract(value: type[eqx.Module]) -> bool:
    return inspect.isabstract(value) or bool(
        getattr(value, "__abstractvars__", ()) or getattr(value, "__abstractclassvars__", ())
    )


def _load(path: Path):
    """Run a Python file as a module."""
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"Expected --module to be a Python file. Received '{path}', which is none.")
    name = f"module_{path.stem}"  # never that of a library, whatever the file is called
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise InputError(f"Cannot read '{path}', line {error.lineno}: {error.msg}.") from None
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f", line {lines[-1]}" if lines else ""
        raise InputError(f"Cannot run '{path}'{where}: {type(error).__name__}: {error}.") from None
    return module
