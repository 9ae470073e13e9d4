"""What is cited is what ran, and every entry can be used.

Load-bearing: `test_each_run_cites_its_own_methods`, on runs that differ in level, size and dimension. The entries themselves were
checked against the publications by hand; here only their form is.
"""

import dataclasses
import re
from pathlib import Path

import equinox as eqx
import pytest

import myoscale as ms
from myoscale import citations, zoo
from myoscale.citations import REGISTRY, Citation
from myoscale.levels import LEVELS
from myoscale.model import scheme_of
from myoscale.study import alone
from myoscale.types import Scalar

ROOT = Path(__file__).resolve().parent.parent
REQUIRED = {
    "article": {"author", "title", "journal", "year"},
    "book": {"author", "title", "publisher", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "phdthesis": {"author", "title", "school", "year"},
    "misc": {"author", "title"},
}
SCHEME = {"suresh1997accurate"}
PLANE = {"mccorquodale2011high"}
TRANSPORT = {"flamary2021pot", "bonneel2011displacement"}
SOBOL = {"sobol1967distribution", "joe2008constructing", "matousek1998discrepancy"}
RULES = {"golub1969calculation"}
CHEBYSHEV = {"trefethen2019approximation"}
ALWAYS = {"myoscale", "jax2018github", "kidger2021equinox"}
STEPPERS = {"andersen1983rattle", "hairer2006geometric", "kahan1997composition"}
ELEMENTS = {"simo1992discrete", "gonzalez2000exact", "gustafsson2020scikit"}
INTEGRATOR = {"prince1981high", "bogacki1990interpolating", "kidger2021on"}


def keys(what=None):
    found = [citation.key for citation in ms.cited(what)]
    assert len(found) == len(set(found)) and found[0] == "myoscale"
    return set(found)


def parsed(bibtex):
    """Entries of a BibTeX file: key → (kind, fields). Braces must balance."""
    entries, at = {}, 0
    while match := re.compile(r"\s*@(\w+)\{([\w:-]+),").match(bibtex, at):
        at, fields = match.end(), {}
        while field := re.compile(r"\s*(\w+)\s*=\s*\{").match(bibtex, at):
            depth, end = 1, field.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(bibtex[end], 0)
                end += 1
            fields[field[1]] = bibtex[field.end() : end - 1]
            at = re.compile(r"\s*,").match(bibtex, end).end()
        at = re.compile(r"\s*\}").match(bibtex, at).end()
        assert match[2] not in entries
        entries[match[2]] = match[1], fields
    assert not bibtex[at:].strip()
    return entries


@pytest.fixture(scope="module")
def runs():
    """The linear example at levels that differ in what they rest on."""
    model, start = zoo.linear()
    levels = ms.Kinetic(60), ms.MomentClosure(), ms.Reduced(300), ms.Reduced(50), ms.Reduced(50, sampling="sobol")
    return {level.label: ms.solve(model, level, start, t1=1.0, save=2) for level in levels}


def test_each_run_cites_its_own_methods(runs):
    methods = SCHEME | PLANE | TRANSPORT | SOBOL | RULES | CHEBYSHEV | {"santambrogio2015optimal"}
    expected = {
        "kinetic:60": SCHEME,
        "moments": RULES,
        "reduced:300": CHEBYSHEV,
        "reduced:50": set(),
        "reduced:50,sampling=sobol": SOBOL,
    }
    assert set(runs) == set(expected)
    for label, run in runs.items():
        assert keys(run) & methods == expected[label], label
        assert keys(run) >= ALWAYS | INTEGRATOR | {"plunder2020coupled"}
        assert keys(alone(run)) == keys(run)
    assert "Chebyshev" in runs["reduced:300"].stats.path  # which is how it is known


def test_a_study_cites_all_its_runs_and_the_distance(runs):
    study = alone(runs["kinetic:60"])
    study.solutions["moments"] = runs["moments"]
    assert keys(study) == keys(runs["kinetic:60"]) | keys(runs["moments"])
    study.rows[0] = type(study.rows[0])("kinetic:60", *3 * [study.times])
    assert keys(study) - keys(runs["kinetic:60"]) >= {"santambrogio2015optimal"} and not keys(study) & TRANSPORT


@pytest.mark.parametrize("name", zoo.names())
def test_a_problem_cites_where_it_was_published_and_what_it_runs(name):
    problem = zoo.problem(name)
    found = keys(problem)
    kinds = {type(level) for level in problem.levels}
    cycles = (
        scheme_of(problem.model.bridge) is not None
    )  # heads that move together: no fluxes between cells, no labels to compress
    published = {key for key, citation in REGISTRY.items() if citation.text in problem.source}
    tied = all(level.tied(problem.model, problem.start) is not None for level in problem.levels)
    field = problem.model.tissue.is_field
    assert found >= published | ALWAYS | (set() if cycles else RULES)
    assert found >= (set() if tied else ELEMENTS if field else INTEGRATOR) and field == (ELEMENTS <= found)
    assert bool(found & STEPPERS) == (ms.Constrained in kinds)
    assert bool(published) == ("doi:" in problem.source) == (name not in ("bent", "chain"))
    assert bool(found & SCHEME) == (ms.Kinetic in kinds and not cycles)
    assert bool(found & PLANE) == (ms.Kinetic in kinds and problem.start.nx == 2)
    assert bool(found & TRANSPORT) == bool(found & SOBOL) == (problem.start.nx > 1)
    assert bool(found & CHEBYSHEV) == (
        problem.start.nx == 1 and name != "singular" and not cycles and not field
    )  # 1,000 bridges against 100


def test_without_a_run_the_software_is_cited():
    assert keys() == ALWAYS


def test_everything_in_the_registry_is_cited_by_something(runs):
    everything = set.union(*(keys(zoo.problem(name)) for name in zoo.names()), *map(keys, runs.values()))
    huxley = zoo.problem("huxley")
    zahalak = eqx.tree_at(lambda model: model.bridge.cycling, huxley.model, ms.Zahalak1981())
    everything |= keys(dataclasses.replace(huxley, model=zahalak))
    others = ms.Constrained(5, stepper="energy-momentum", order=4), ms.Constrained(5, dt=0.1)
    everything |= keys(dataclasses.replace(zoo.problem("linear"), levels=others))
    bent = zoo.problem("bent")
    shaken = keys(dataclasses.replace(bent, model=ms.Model(bent.model.tissue, bent.model.bridge, ms.Noise(1.0))))
    assert shaken - keys(bent) == {"foster2020optimal", "jelincic2024single"}
    everything |= shaken
    block = zoo.problem("block-isometric")
    heart = eqx.tree_at(lambda model: model.tissue.material, block.model, ms.Guccione(2.0, 8.0, 2.0, 4.0))
    everything |= keys(dataclasses.replace(block, model=heart))
    plane = zoo.problem("element")
    drawn = ms.converge(plane.model, plane.start, t1=0.1, level=ms.Reduced(2), sizes=(2, 3, 4), samples=1, save=2)
    assert keys(drawn) >= {"fournier2015rate", "plunder2023mean"} | TRANSPORT
    everything |= keys(drawn)
    assert everything == {*REGISTRY, "myoscale"}
    for kind in LEVELS.values():
        assert "cites" in vars(kind), "a level says what its method rests on"


def test_a_bridge_of_ones_own_is_cited():
    mine = Citation("me2030", "article", "Me, M.", "Mine", year="2030", journal="Journal of Mine", doi="10.1000/182")

    class Mine(ms.AbstractBridge):
        cites = (mine,)
        mass: Scalar = 1.0

        def constraint(self, x, q):
            return x - q

        def energy(self, x):
            return 0.5 * x @ x

    problem = zoo.problem("bent")
    for bridge in (Mine(), ms.Stacked([Mine(), Mine()])):
        model = ms.Model(problem.model.tissue, bridge)
        own = zoo.Problem("mine", model, problem.start, 1.0, (ms.MomentClosure(),))
        assert "me2030" in keys(own) and "plunder2023mean" not in keys(own)
        assert parsed(ms.cite(own))["me2030"] == (
            "article",
            {"author": "Me, M.", "title": "Mine", "year": "2030", "journal": "Journal of Mine", "doi": "10.1000/182"},
        )


# The entries


def test_bibtex_can_be_read():
    entries = parsed("\n\n".join(citation.bibtex for citation in (*REGISTRY.values(), citations.software())))
    assert set(entries) == {*REGISTRY, "myoscale"}
    for key, (kind, fields) in entries.items():
        assert set(fields) >= REQUIRED[kind], key
        assert all(fields.values())
    assert parsed(ms.cite(zoo.problem("element"))).keys() == keys(zoo.problem("element"))


def test_a_broken_entry_would_be_seen():
    whole = citations.JAX.bibtex
    for broken in (whole.replace("},\n}", "\n}"), whole[:-1], whole + whole, whole.replace("{{JAX}", "{JAX}}")):
        with pytest.raises((AssertionError, AttributeError, IndexError)):
            parsed(broken)


@pytest.mark.parametrize("key", REGISTRY)
def test_entries_are_well_formed(key):
    citation = REGISTRY[key]
    assert key == citation.key and re.fullmatch(r"[a-z]+\d{4}[a-z]+", key)
    assert key.startswith(citation.author.split(",")[0].rpartition(" ")[2].lower().strip("'")[:4]) or key[:3] == "jax"
    assert citation.year in key and 1900 < int(citation.year) < 2030
    assert bool(citation.doi) + bool(citation.eprint) + bool(citation.url) == 1
    assert not citation.doi or re.fullmatch(r"10\.\d{4,9}/[^\s{}]+", citation.doi)
    assert not citation.eprint or re.fullmatch(r"\d{4}\.\d{5}", citation.eprint)
    assert not citation.pages or re.fullmatch(r"[\d:]+--[\d:]+", citation.pages)
    assert not re.search(r"[{}\\\n]|, ,|  |--", citation.text) and citation.year in citation.text


def test_one_line_reads_as_a_reference():
    assert citations.PLUNDER_SIMEON_2023.text == (
        "S. Plunder, B. Simeon, The mean-field limit for particle systems with uniform full-rank constraints, "
        "Kinetic and Related Models (2023), doi:10.3934/krm.2023012"
    )
    assert citations.BONNEEL_2011.text == (
        "N. Bonneel et al., Displacement interpolation using Lagrangian mass transport, "
        "ACM Transactions on Graphics 30 (2011), 158:1–158:12, doi:10.1145/2070781.2024192"
    )


def test_the_software_is_cited_as_its_own_file_says():
    said = (ROOT / "CITATION.cff").read_text()
    own = citations.software()
    assert f'title: "{own.title}"' in said and f"version: {own.version}" in said
    assert f'name: "{own.author.strip("{}")}"' in said
