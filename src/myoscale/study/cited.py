"""Cite what ran: the models, the methods and the libraries that a study, a solution or a problem has used."""

import dataclasses
from collections.abc import Iterator

from ..citations import (
    BONNEEL_2011,
    BROWNIAN,
    EQUINOX,
    FINITE_ELEMENTS,
    FOURNIER_GUILLIN_2015,
    INTEGRATOR,
    JAX,
    PLUNDER_SIMEON_2023,
    POT,
    REGISTRY,
    ROSENBLATT_1952,
    SANTAMBROGIO_2015,
    SCIPY,
    SOBOL_POINTS,
    TREFETHEN_2019,
    Citation,
    software,
)
from ..levels import Constrained, Reduced, Sampling
from ..model import AbstractLaw, Stacked, Start, scheme_of
from ..run.rungs import compressible
from ..solution import Scenario, Solution
from ..zoo import Problem
from .limits import Convergence, Growth, Limit
from .limits.members import sized
from .result import Study


def cited(what: Study | Solution | Problem | Limit | None = None) -> list[Citation]:
    """What to cite, this software first.

    **Arguments:** `what` was run; a problem counts as compared at its own levels. None: what every run uses.

    **Returns:** each `Citation` once; `.text` is one line, `.bibtex` an entry.
    """
    every = [software(), *_of(what), JAX, EQUINOX]
    return list({citation.key: citation for citation in every}.values())


def cite(what: Study | Solution | Problem | Limit | None = None) -> str:
    """`cited` as BibTeX."""
    return "\n\n".join(citation.bibtex for citation in cited(what))


def _of(what: Study | Solution | Problem | Limit | None) -> Iterator[Citation]:
    if isinstance(what, Problem):
        yield from (one for one in REGISTRY.values() if one.doi and one.doi in what.source)
        for level in what.levels:
            names = (field.name for field in dataclasses.fields(Scenario) if field.name != "level")
            scenario = Scenario(level=level, **{name: getattr(what, name) for name in names})
            yield from _run(scenario, bool(compressible(scenario)))
        yield from _distances(what.start)
    elif isinstance(what, Limit):
        yield from _limit(what)
    elif isinstance(what, Solution):
        yield from _run(what.scenario, "Chebyshev" in what.stats.path)
    elif isinstance(what, Study):
        for solution in what.solutions.values():
            yield from _of(solution)
        if any(len(row.wassersteins) for row in what.rows):
            yield from _distances(next(iter(what.solutions.values())).scenario.start)


def _limit(what: Limit) -> Iterator[Citation]:
    """A study of limits: its runs, its distances, and where its rates are from."""
    yield PLUNDER_SIMEON_2023
    start = what.scenario.start
    if not isinstance(what, Convergence):
        yield from _run(what.scenario, False)
        if isinstance(what, Growth):
            yield from _distances(start)
        return
    yield from _of(what.reference)
    size = what.sizes[-1]
    scenario = dataclasses.replace(what.scenario, level=sized(what.scenario.level, size))
    random = isinstance(what.scenario.level, Reduced) and scheme_of(what.scenario.model.bridge) is None
    yield from _run(scenario, random and start.nx == 1)
    yield from _distances(start)
    if getattr(what.scenario.level, "sampling", None) is Sampling.RANDOM and start.nx > 1:
        yield FOURNIER_GUILLIN_2015


def _run(scenario: Scenario, compressed: bool) -> Iterator[Citation]:
    """One level of one model."""
    bridge = scenario.model.bridge
    yield from (bridge.each if isinstance(bridge, Stacked) else bridge).cites
    scheme = scheme_of(bridge)
    tissue = scenario.model.tissue
    yield from tissue.cites
    yield from getattr(getattr(tissue, "material", None), "cites", ())
    if scheme is None:
        yield from scenario.level.cites(scenario.start)
    else:  # whose attached shares need no scheme of finite volumes and no rule of the start's law
        yield from (*scheme.cites, PLUNDER_SIMEON_2023)
        if isinstance(scenario.level, Constrained):
            yield from scenario.level.cites(scenario.start)
    if scenario.model.noise is not None:
        yield from BROWNIAN
    if compressed:
        yield TREFETHEN_2019
    if tissue.is_field:
        yield from FINITE_ELEMENTS
        return
    mover = scenario.level.tied(scenario.model, scenario.start)
    if scheme is not None or mover is None or mover.explicit:
        yield from INTEGRATOR


def _distances(start: Start) -> Iterator[Citation]:
    """W₁ between populations: on the line by distribution functions, elsewhere by a linear programme between clouds of points."""
    yield SANTAMBROGIO_2015
    yield SCIPY
    if start.nx > 1:
        yield from (BONNEEL_2011, POT)
        if isinstance(start.x, AbstractLaw):
            yield from (ROSENBLATT_1952, *SOBOL_POINTS)
