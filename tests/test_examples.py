"""The examples hold what they promise: each is a script with a title, an assertion, a figure, and a place in the gallery.

All of them are run when the site is built. Here one is, and once more with a wrong formula, which its assertion must notice.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(script: Path, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, env=os.environ)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_all_its_parts(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, _, text = (ast.get_docstring(tree) or "").partition("\n")
    assert 10 < len(title) < 100 and not title.endswith(".") and text.strip()
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree)), f"{path.name} asserts nothing"
    assert f'"{path.stem}.svg"' in path.read_text(encoding="utf-8"), f"{path.name} draws no {path.stem}.svg"
    assert f"gallery/{path.stem}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_example_runs_and_notices_a_wrong_formula(tmp_path):
    path = ROOT / "examples" / "one_way.py"
    done = run(path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one_way.svg").stat().st_size > 1_000
    right = "np.sqrt(2 / mass)"
    source = path.read_text(encoding="utf-8")
    assert right in source
    wrong = tmp_path / "one_way.py"
    wrong.write_text(source.replace(right, "np.sqrt(2.001 / mass)"), encoding="utf-8")
    (tmp_path / "gallery.mplstyle").write_text((ROOT / "examples" / "gallery.mplstyle").read_text())
    done = run(wrong, tmp_path)
    assert done.returncode == 1 and "AssertionError" in done.stderr, done.stderr
