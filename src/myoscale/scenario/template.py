"""Where people begin: a built-in problem as a commented file, and a Python file with a bridge of one's own."""

import dataclasses
import importlib.resources
import inspect

from ..errors import InputError
from ..model import AbstractBridge, Model
from ..model.checks import check_model
from ..types import float64
from ..zoo import Problem
from .catalogue import Catalogue
from .schema import parameters


def own_bridge() -> str:
    """A Python file that defines a bridge, to be changed."""
    return (
        importlib.resources.files("myoscale.scenario")
        .joinpath("own_bridge.py.txt")
        .read_text("utf-8")
        .format(file="mine.py")
    )


@float64
def with_own_bridge(problem: Problem, catalogue: Catalogue) -> Problem:
    """A problem with its bridge replaced by the user's, at the values that the class gives its parameters (1 where it gives none).

    **Raises:** `InputError` unless the catalogue has one bridge of the user's that the problem's tissue and start can take.
    """
    own = [kind for kind in catalogue.own if issubclass(kind, AbstractBridge)]
    if len(own) != 1:
        raise InputError(
            f"Expected the module to define one bridge, class Mine(ms.AbstractBridge). Received {len(own)}: "
            "put the bridge to begin with into a file of its own."
        )
    needed = {name: 1.0 for name, (_, default, _) in parameters(own[0]).items() if default is inspect.Parameter.empty}
    try:
        bridge = own[0](**needed)
    except Exception as error:
        raise InputError(
            f"{own[0].__name__} cannot be made with every parameter without a default at 1: {error}"
        ) from None
    problem = dataclasses.replace(
        problem,
        model=Model(problem.model.tissue, bridge, problem.model.noise),
        title=f"{own[0].__name__} on the tissue of '{problem.name}'",
        source="",
    )
    check_model(problem.model, problem.start)
    return problem
