"""The page of a study of limits: verdict, figure, table and model in one file; nothing moves, so nothing is programmed."""

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from . import words


def limits_page(
    found: Any,
    svg: bytes,
    title: str = "",
    source: str = "",
    command: str = "",
    citations: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
) -> str:
    """The HTML of what `converge`, `fluctuation` or `stability` returned; `svg` is its figure."""
    text = lambda name: (resources.files(words.__name__.rpartition(".")[0]) / name).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("limits.html.j2").render(
        kind=type(found).__name__,
        title=title or type(found).__name__,
        verdict=found.headline,
        source=source,
        command=command,
        citations=citations,
        drawn=base64.b64encode(svg).decode(),
        table=str(found),
        parameters=words.parameters(found.scenario, units),
        versions=words.versions(),
        css=Markup(text("page.css")),
    )
