"""A griffe extension, for what reading source without running it cannot know.

Equinox modules are dataclasses, but by inheritance, not by a decorator that griffe would see; a function and its file may share a name.
"""

import importlib
import inspect

import griffe

import myoscale


class Modules(griffe.Extension):
    """Gives every equinox module of the package the signature that Python sees, and a name the meaning that it has there."""

    def on_package(self, *, pkg: griffe.Module, **_):
        """Where a room has a file `solve.py` with a function `solve` in it, `myoscale.solve` is the function."""
        for name in myoscale.__all__ if pkg.name == "myoscale" else ():
            member = pkg.members[name]
            if member.is_alias and member.target.is_module and not inspect.ismodule(getattr(myoscale, name)):
                pkg.set_member(name, griffe.Alias(name, f"{member.target.path}.{name}", parent=pkg))

    def on_class(self, *, cls: griffe.Class, **_):
        """Add the constructor that inheritance makes."""
        if not cls.path.startswith("myoscale.") or "__init__" in cls.members or cls.is_alias:
            return
        found = getattr(importlib.import_module(cls.module.path), cls.name, None)
        if not (inspect.isclass(found) and getattr(found, "__dataclass_fields__", None)) or inspect.isabstract(found):
            return
        names = {griffe.ParameterKind.positional_or_keyword: inspect.Parameter.POSITIONAL_OR_KEYWORD}
        parameters = []
        for parameter in inspect.signature(found).parameters.values():
            default = None if parameter.default is inspect.Parameter.empty else _text(parameter.default)
            kind = (
                griffe.ParameterKind.keyword_only
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY
                else next(iter(names))
            )
            parameters.append(griffe.Parameter(parameter.name, kind=kind, default=default))
        init = griffe.Function(
            "__init__", parameters=griffe.Parameters(griffe.Parameter("self", kind=next(iter(names))), *parameters)
        )
        cls.set_member("__init__", init)


def _text(value) -> str:
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__name__
    return repr(value)
