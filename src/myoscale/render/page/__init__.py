"""The page: one HTML file with everything inside, interactive and offline.

    data.py, populations.py, picture.py    the study as plain data
    words.py                               what the page says in words
    page.html.j2, page.css, *.js           how it looks and moves
    frame.html.j2, cards.html.j2           what all pages share
    tissue.py, tissue_data.py, tissue.html.j2, tissue.js, surface.js    the page of one run in space

The same study gives the same bytes: no date, no random names. It loads nothing, and a policy inside forbids it to.
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
import plotly.offline
from markupsafe import Markup

from ...study import Study
from ...study.text import columns_of
from . import words
from .data import data

__all__ = ["page", "render"]

_SCRIPTS = ("time.js", "charts.js", "populations.js", "picture.js", "page.js", "start.js")
_HEADINGS = {
    "max|Δy|": "greatest distance to the reference's y",
    "max|Δẏ|": "greatest distance to the reference's velocity",
    "max|Δf|": "greatest distance to the reference's force of the bridges, as a fraction of the greatest force",
    "max|Δa|": "greatest difference to the reference's share of heads attached",
    "max W1": "greatest Wasserstein distance to the reference's population",
    "drift": "greatest imbalance of the energy, relative",
    "residual": "greatest violation of the constraint",
    "steps": "steps of the integrator",
    "run s": "seconds, without compiling",
    "compile s": "seconds to compile; 0 where the program was there",
    "MB": "memory of the compiled program",
}


def page(study: Study, title: str = "", source: str = "", command: str = "", citations: Sequence[str] = ()) -> str:
    """The HTML of a study that has results.

    **Arguments:** `study`; `title`, above everything; `source`, where the model was published; `command`, what to type to run it
    again, lines of Python if left out; `citations`, what to cite.
    """
    return render(
        "page.html.j2",
        study,
        data(study),
        _SCRIPTS,
        title or ("Levels compared" if len(study.rows) > 1 else "One run"),
        source,
        command,
        citations,
        verdict=words.verdict(study),
        one_way=words.one_way_sentence(study),
        table=_table(study),
        times=", ".join(f"{t:.4g}" for t in study.times),
        several=len(study.solutions) > 1,
    )


def render(
    template: str,
    study: Study,
    drawn: dict[str, Any],
    scripts: Sequence[str],
    title: str,
    source: str,
    command: str,
    citations: Sequence[str],
    **more: Any,
) -> str:
    """A page: a template of this room with its data and scripts, and what all pages say."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    run = next(iter(study.solutions.values()))
    return environment.get_template(template).render(
        title=title or "One run",
        source=source,
        command=command,
        citations=citations,
        messages=[row.message for row in study.rows if row.message],
        interrupted=study.interrupted,
        parameters=words.parameters(run.scenario, study.units),
        versions=words.versions(),
        again=words.again(study),
        file="solution.nc" if study.alone else "study.nc",
        drawn=drawn,
        json=_json(drawn),
        css=Markup(_text("page.css")),
        scripts=[Markup(_text(name)) for name in scripts],
        plotly=Markup(plotly.offline.get_plotlyjs()),
        **more,
    )


def _text(name: str) -> str:
    return (resources.files(__name__) / name).read_text(encoding="utf-8")


def _json(value: object) -> Markup:
    """JSON inside a script element, which no text in it can end."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _table(study: Study) -> dict[str, Any]:
    columns = columns_of(study)
    heads = [(name, _HEADINGS[name]) for name in columns]
    rows = [
        (
            row.label,
            row.label == study.reference,
            bool(row.message),
            [cell(row) for _, cell in columns.values()],
            row.path,
        )
        for row in study.rows
    ]
    return {"heads": heads, "rows": rows, "moves": "max|Δy|" in columns}
