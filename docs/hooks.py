"""What the site computes while it is built.

- The gallery: every script in examples/ is run; its page is its docstring, its figure, what it printed, and its source. A script that
  fails stops the build. What a run gave is kept in .cache and used again until the script or the package changes.
- The keys of a scenario file, from the classes.
- Formulas: LaTeX becomes MathML, which browsers draw by themselves.
"""

import ast
import hashlib
import html
import os
import re
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
CACHE = ROOT / ".cache"
SETTINGS = {
    "MPLBACKEND": "Agg",
    "PYTHONPATH": str(ROOT / "src"),
    "EQX_ON_ERROR": "off",  # programs that check values by calling back into Python are never kept
    "JAX_COMPILATION_CACHE_DIR": str(CACHE / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
_FETCHED = re.compile(
    r"""(<link\b(?![^>]*rel="canonical")|<script\b|<img\b|<iframe\b)[^>]*\b(src|href)="?(https?:)?//[^>]*>"""
)
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_startup(command, dirty):
    """The code blocks of the pages run with the package of this folder."""
    os.environ.update(SETTINGS, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    sys.path.insert(0, str(ROOT / "src"))


def on_files(files, config):
    """Add the pages that are computed."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_run, EXAMPLES.glob("*.py")))
    pages = {f"gallery/{path.stem}.md": _example(path) for path in sorted(EXAMPLES.glob("*.py"))}
    gallery = next(entry["Gallery"] for entry in config["nav"] if "Gallery" in entry)
    order = [Path(name).stem for entry in gallery for name in entry.values() if name != "gallery/index.md"]
    pages["gallery/index.md"] = _index(order)
    pages["keys.md"] = _keys()
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    for path in EXAMPLES.glob("*.py"):
        figure = _run(path) / f"{path.stem}.svg"
        files.append(File.generated(config, f"gallery/{figure.name}", abs_src_path=str(figure)))
    return files


def on_page_content(html, page, config, files):
    """Draw formulas."""
    return _FORMULA.sub(lambda found: _formula(found[3], "block" if found[2] == "[" else "inline"), html)


def on_post_build(config):
    """The site stands alone: nothing in it is fetched from elsewhere, and what pages from a folder load is there."""
    index = Path(config["site_dir"]) / "search" / "search_index.json"
    index.with_suffix(".js").write_text(f"var __index = {index.read_text(encoding='utf-8')}", encoding="utf-8")
    for page in Path(config["site_dir"]).rglob("*.html"):
        if found := _FETCHED.search(page.read_text(encoding="utf-8")):
            raise PluginError(f"{page.name} fetches something from elsewhere: {found[0]}")


def _formula(text: str, display: str) -> str:
    return convert(html.unescape(text).strip(), display=display)


def _run(path: Path) -> Path:
    """The folder of what an example printed and drew."""
    digest = hashlib.sha256()
    for source in [path, EXAMPLES / "gallery.mplstyle", *sorted((ROOT / "src").rglob("*.py"))]:
        digest.update(source.read_bytes())
    folder = CACHE / "gallery" / f"{path.stem}-{digest.hexdigest()[:16]}"
    if not (folder / "printed.txt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(path), str(folder)]
        done = subprocess.run(command, env=os.environ | SETTINGS, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise PluginError(f"examples/{path.name} failed:\n{done.stdout}{done.stderr}")
        (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")
    return folder


def _told(path: Path) -> tuple[str, str, str]:
    """Title, text and code of an example."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    title, _, text = (ast.get_docstring(tree) or "").partition("\n")
    code = "\n".join(source.splitlines()[tree.body[0].end_lineno :]).strip()
    return title.strip(), text.strip(), code


def _example(path: Path) -> str:
    title, text, code = _told(path)
    printed = (_run(path) / "printed.txt").read_text(encoding="utf-8").strip()
    return (
        f"# {title}\n\n{text}\n\n![{title}]({path.stem}.svg)\n\nPrinted:\n\n"
        f"```text\n{textwrap.dedent(printed)}\n```\n\n"
        f"The script, `python examples/{path.name}`, stops with an error if its assertion does not hold:\n\n"
        f"```python\n{code}\n```\n"
    )


def _index(order: list[str]) -> str:
    cards = []
    for stem in order:
        title, *_ = _told(EXAMPLES / f"{stem}.py")
        cards.append(f'<a href="{stem}.html"><img src="{stem}.svg" alt="" loading="lazy">{html.escape(title)}</a>')
    return (
        "# Gallery\n\nEvery example is a script in `examples/` that was run to make these pages. Each asserts a number that "
        'myoscale did not compute: a closed form, a conservation law, another code.\n\n<div class="gallery">\n'
        + "\n".join(cards)
        + "\n</div>\n"
    )


def _keys() -> str:
    """Every table of a scenario file, from the classes that it makes."""
    from inspect import Parameter, getdoc

    from myoscale.drive import AbstractDrive, AbstractSignal
    from myoscale.model import AbstractBridge, AbstractCycling, AbstractLaw, AbstractNoise, AbstractTissue, Start
    from myoscale.protocol import AbstractStep
    from myoscale.scenario import Catalogue
    from myoscale.scenario.schema import parameters
    from myoscale.tissue import AbstractKinematics

    catalogue = Catalogue()
    groups = {
        "[tissue]": catalogue.names[AbstractTissue],
        "tissue.local, for LumpedTissue": catalogue.names[AbstractKinematics],
        "[bridge]": catalogue.names[AbstractBridge],
        "[bridge.cycling]": catalogue.names[AbstractCycling],
        "[noise]": catalogue.names[AbstractNoise],
        "[start]": {"": Start},
        "[start.x]": catalogue.names[AbstractLaw],
        "[drive]": catalogue.names[AbstractDrive],
        "[[drive.steps]], for Protocol": catalogue.names[AbstractStep],
        "load, y and activation of [drive], as functions of time": catalogue.names[AbstractSignal],
    }
    lines = [
        "# Keys of a scenario file\n",
        "This page is made from the classes that a file names: a table of the file is a class, a key is an argument of its "
        "constructor. The frame around them (`t1`, `levels`, `[units]` and so on) is in [Scenario files and the shell]"
        "(scenarios.md). A `coordinate` is a length where the tissue's $y$ are lengths and a plain number elsewhere (the entries of F); "
        "what is `driven` takes the unit of what it drives.\n",
    ]
    for heading, kinds in groups.items():
        lines.append(f"## {heading}\n")
        for name, kind in kinds.items():
            if name:
                about = (getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
                lines.append(f'### `type = "{name}"`\n\n{about}\n')
            rows = []
            for key, (_, default, field) in parameters(kind).items():
                start = "needed" if default is Parameter.empty else "" if default is None else f"`{_short(default)}`"
                unit = field.get("unit", "")
                rows.append(f"| `{key}` | {field.get('doc', '')} | {'' if unit in ('', '1') else unit} | {start} |")
            if rows:
                lines += ["| key | meaning | unit | if left out |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _short(value) -> str:
    return (
        f"{value:g}"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else str(value).replace("\n", " ")
    )
