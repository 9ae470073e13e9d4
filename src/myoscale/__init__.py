"""Multi-scale muscle models by kinetic theory: write a cross-bridge model once, run it at every scale.

Names are imported when first used, so that the command line can print help without waiting for JAX.
"""

import importlib
from typing import TYPE_CHECKING

_HOMES = {
    "citations": ("Citation",),
    "drive": ("AbstractSignal", "Free", "Length", "Line", "Polyline", "QuasiStatic", "Ramp", "Series", "Sine"),
    "errors": ("InputError", "MyoscaleError", "SingularConstraintError", "StoppedError"),
    "levels": ("Characteristics", "Constrained", "Kinetic", "MomentClosure", "Reduced", "Sampling", "Stepper"),
    "model": (
        "AbstractBridge",
        "AbstractCycling",
        "AbstractLaw",
        "AbstractNoise",
        "AbstractTissue",
        "Availability",
        "Duke1999",
        "Huxley1957",
        "Mixture",
        "Model",
        "Momentum",
        "MultivariateNormal",
        "Noise",
        "Normal",
        "Stacked",
        "Start",
        "Tabulated",
        "Thermostat",
        "Uniform",
        "Zahalak1981",
        "generator_of",
    ),
    "snapshot": ("Snapshot",),
    "solution": ("Solution", "load"),
    "render": ("figure", "report", "save_figure", "save_frames", "save_series"),
    "run": ("Batch", "batch", "solve"),
    "implicit": ("ActiveStress", "active_stress"),
    "study": (
        *("Assumptions", "Convergence", "Fluctuation", "Growth", "StepAdvice", "Study", "Suggestion", "Where"),
        *("assumptions", "cite", "cited", "compare", "converge", "fluctuation", "stability", "step_advice", "suggest"),
    ),
    "tissue": (
        "AbstractCondition",
        "AbstractMaterial",
        "AbstractShape",
        "Block",
        "ChainTissue",
        "Clamp",
        "ContinuumTissue",
        "Cylinder",
        "DeformationGradient",
        "Displacement",
        "During",
        "FibreReinforced",
        "FibreStretch",
        "Fusiform",
        "Guccione",
        "LumpedTissue",
        "MeshFile",
        "MooneyRivlin",
        "Motion",
        "NeoHookean",
        "Pennate",
        "Pressure",
        "RotationStretch",
        "SpringMass",
        "Springs",
        "Tie",
        "Traction",
        "Ventricle",
    ),
    "fields": ("parameter",),
    "protocol": ("Protocol",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

_ROOMS = ("protocol", "scenario", "zoo")  # with names of their own

__all__ = sorted([*_HOME, *_ROOMS])


def __getattr__(name: str):
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'myoscale' has no attribute '{name}'")


def __dir__():
    return __all__


if TYPE_CHECKING:
    from . import protocol, scenario, zoo
    from .citations import Citation
    from .drive import AbstractSignal, Free, Length, Line, Polyline, QuasiStatic, Ramp, Series, Sine
    from .errors import InputError, MyoscaleError, SingularConstraintError, StoppedError
    from .fields import parameter
    from .implicit import ActiveStress, active_stress
    from .levels import Characteristics, Constrained, Kinetic, MomentClosure, Reduced, Sampling, Stepper
    from .model import (
        AbstractBridge,
        AbstractCycling,
        AbstractLaw,
        AbstractNoise,
        AbstractTissue,
        Availability,
        Duke1999,
        Huxley1957,
        Mixture,
        Model,
        Momentum,
        MultivariateNormal,
        Noise,
        Normal,
        Stacked,
        Start,
        Tabulated,
        Thermostat,
        Uniform,
        Zahalak1981,
        generator_of,
    )
    from .protocol import Protocol
    from .render import figure, report, save_figure, save_frames, save_series
    from .run import Batch, batch, solve
    from .snapshot import Snapshot
    from .solution import Solution, load
    from .study import (
        Assumptions,
        Convergence,
        Fluctuation,
        Growth,
        StepAdvice,
        Study,
        Suggestion,
        Where,
        assumptions,
        cite,
        cited,
        compare,
        converge,
        fluctuation,
        stability,
        step_advice,
        suggest,
    )
    from .tissue import (
        AbstractCondition,
        AbstractMaterial,
        AbstractShape,
        Block,
        ChainTissue,
        Clamp,
        ContinuumTissue,
        Cylinder,
        DeformationGradient,
        Displacement,
        During,
        FibreReinforced,
        FibreStretch,
        Fusiform,
        Guccione,
        LumpedTissue,
        MeshFile,
        MooneyRivlin,
        Motion,
        NeoHookean,
        Pennate,
        Pressure,
        RotationStretch,
        SpringMass,
        Springs,
        Tie,
        Traction,
        Ventricle,
    )
