"""What a run in space looks like is what was computed: fields, files for ParaView, pictures, and the page in headless Chromium.

Load-bearing: `test_exported_stress_does_the_virtual_work_of_the_reactions` (the stresses are those of the equations, in the convention that is
told) and `test_the_slider_moves_vertices_to_where_the_nodes_are`. Muscles are of a few cells, clamped, with cycling bridges; one has none
of them, is in the plane and of quadratic elements.
"""

import base64
import re
import xml.etree.ElementTree as ElementTree

import jax.numpy as jnp
import meshio
import numpy as np
import pytest
from PIL import Image
from test_page import CONTRAST, FLAGS, WIDTHS, curve, slide

import myoscale as ms
from myoscale.render import fields
from myoscale.render.page.tissue_data import spread
from myoscale.render.tissue import in_cells
from myoscale.render.tissue.cells import cells, edges, outline, surface
from myoscale.tissue import Clamp, ContinuumTissue, Motion, NeoHookean, Springs, Traction
from myoscale.tissue.shapes import Block, Fusiform
from myoscale.zoo.bridges import LinearBridge

GL = [*(flag for flag in FLAGS if flag != "--disable-gpu"), "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def start(tissue, **more):
    still = np.zeros(tissue.ny)
    return ms.Start(still, still, **more)


def muscle():
    """Clamped at both ends; heads attach in the left part only."""
    tissue = ContinuumTissue(
        Fusiform(4.0, 0.7, 0.3, (4, 3)), NeoHookean(1.0), bulk=50.0, bridges=0.3, conditions=(Clamp("x0"), Clamp("x1")),
        activation=lambda t, X: jnp.clip(1.5 - 0.5 * X[0], 0.0, 1.0),
    )  # fmt: skip
    scheme = ms.Huxley1957(spacing=2.4, h=1.0, f1=3.0, g1=1.0, g2=6.0)
    bridge = LinearBridge(mass=0.0, stiffness=1.0, gain=10.0, cycling=scheme)
    drive = ms.QuasiStatic(activation=lambda t: jnp.exp(-((t - 2.0) ** 2)))
    return ms.solve(ms.Model(tissue, bridge), ms.Kinetic(24), start(tissue), t1=3.0, drive=drive, save=4)


def sheet(element="Q2/Q1", **law):
    """In the plane: pulled at one end against springs and a traction, bridges that stay attached."""
    tissue = ContinuumTissue(
        Block((2.0, 1.0), (3, 2), fibre=(1.0, 0.3)), NeoHookean(1.0), bulk=20.0, element=element,
        conditions=(Clamp("x0"), Motion("x1", 0, lambda t: 0.3 * t), Springs("y0", 0.5), Traction("y1", np.array([0.0, 0.1]))),
    )  # fmt: skip
    bridge = LinearBridge(mass=0.0, stiffness=0.8, gain=1.0)
    begin = start(tissue, x=ms.Normal(0.4, 0.2))
    return ms.solve(ms.Model(tissue, bridge), ms.Characteristics(6), begin, t1=1.0, drive=ms.QuasiStatic(), save=3)


@pytest.fixture(scope="module")
def runs():
    return {"muscle": muscle(), "sheet": sheet()}


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("space")
    for name, run in runs.items():
        ms.report(run, out / name, title=f"A {name} & more", source="Somebody & al.")
    return out


def nodal(tissue, stress):
    """∫ P : ∂v/∂X dV for v of each node and direction, (n, d)."""
    dx, d = tissue.space.dx, tissue.space.dim
    r = np.zeros((tissue.space.count, d))
    parts = np.einsum("eq,eqij,eqaj->eai", dx, stress.reshape(*dx.shape, d, d), tissue.space.slopes)
    np.add.at(r, tissue.space.nodes, parts)
    return r


def gradient(tissue, y):
    """F at every point, in NumPy."""
    d = tissue.space.dim
    u = np.reshape(y, (-1, d))[tissue.space.nodes]
    return (np.eye(d) + np.einsum("eai,eqaj->eqij", u, tissue.space.slopes)).reshape(-1, d, d)


# Fields


def test_exported_stress_does_the_virtual_work_of_the_reactions(runs):
    """Nothing but P and the mesh: zero at free nodes, the reaction where the muscle is clamped; and Cauchy's stress by the virial theorem."""
    run = runs["muscle"]
    tissue = run.scenario.model.tissue
    for i in (1, 2, 3):
        found, reaction = fields(run, float(run.ts[i])), run.reaction[i].reshape(-1, 3)
        work = nodal(tissue, found.piola)
        size = np.abs(work).max()
        assert size > 1e-3, "nothing pulls"
        np.testing.assert_allclose(work, reaction, atol=1e-10 * size)
        assert np.abs(nodal(tissue, found.piola_active)).max() > 0.1 * size
        assert np.abs(nodal(tissue, found.piola - found.piola_active) - reaction).max() > 0.1 * size, (
            "bridges carry nothing"
        )
        dx, places = tissue.space.dx.ravel(), tissue.space.locations + found.displacement
        virial = np.einsum("ai,aj->ij", reaction, places)
        total = np.einsum("p,p,pij->ij", dx, found.volume, found.cauchy)
        np.testing.assert_allclose(total, virial, atol=1e-9 * np.abs(virial).max())
        np.testing.assert_allclose(
            found.cauchy, np.swapaxes(found.cauchy, 1, 2), atol=1e-10 * np.abs(found.cauchy).max()
        )


def test_a_planted_fault_in_stress_or_pressure_is_seen(runs):
    """P transposed, or without the pressure's part, no longer balances."""
    run = runs["muscle"]
    tissue, found = run.scenario.model.tissue, fields(run, 2.0)
    reaction = run.reaction[2].reshape(-1, 3)
    size = np.abs(reaction).max()
    F = gradient(tissue, run.y[2])
    cofactor = np.linalg.det(F)[:, None, None] * np.swapaxes(np.linalg.inv(F), 1, 2)
    for wrong in (np.swapaxes(found.piola, 1, 2), found.piola - found.pressure[:, None, None] * cofactor, found.cauchy):
        assert np.abs(nodal(tissue, wrong) - reaction).max() > 1e-3 * size


def test_sheet_balances_springs_and_traction(runs):
    """Of quadratic elements with a continuous pressure; sum over the held ends and the loads, written out."""
    run = runs["sheet"]
    tissue, found = run.scenario.model.tissue, fields(run, 1.0)
    work = nodal(tissue, found.piola)
    facets = {name: tissue.space.facets[name] for name in ("y0", "y1")}
    outside = run.reaction[-1].reshape(-1, 2).copy()
    u = found.displacement
    for name, force in (("y0", lambda here: -0.5 * here), ("y1", lambda here: np.broadcast_to([0.0, 0.1], here.shape))):
        f = facets[name]
        pushed = force(np.einsum("fra,fai->fri", f.values, u[f.nodes]))
        load = np.zeros_like(outside)
        np.add.at(load, f.nodes, np.einsum("fr,fra,fri->fai", f.dx, f.values, pushed))
        outside += load
    np.testing.assert_allclose(work, outside, atol=1e-10 * np.abs(work).max())


def test_fields_are_what_they_are_called(runs):
    run = runs["muscle"]
    tissue, t = run.scenario.model.tissue, float(run.ts[2])
    found, everyone = fields(run, t), run.populations(t)
    F = gradient(tissue, run.y[2])
    along = np.einsum("pij,pj->pi", F, tissue.fibres)
    np.testing.assert_allclose(found.stretch, np.linalg.norm(along, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.direction * found.stretch[:, None], along, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.volume, np.linalg.det(F), rtol=1e-12)
    np.testing.assert_array_equal(found.attached, everyone.attached)
    # n_b heads, each with the mean spring force κ₁⟨x⟩ of what is attached, times dx/dλ = 10, times λ for the area: theory.md section 12.
    held = np.einsum("ps,ps->p", everyone.masses, (everyone.edges[0][:, 1:] + everyone.edges[0][:, :-1]) / 2)
    expected = 0.3 * 10.0 * held * found.stretch / found.volume
    assert expected.max() > 0.1
    np.testing.assert_allclose(found.tension, expected, atol=0.02 * expected.max())
    sigma = np.einsum("pi,pij,pj->p", found.direction, found.cauchy_active, found.direction)
    np.testing.assert_allclose(found.tension, sigma, atol=1e-14)
    np.testing.assert_allclose(
        found.cauchy_active, sigma[:, None, None] * found.direction[:, :, None] * found.direction[:, None], atol=1e-13
    )
    variance = np.diagonal(everyone.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(found.std**2, variance, atol=1e-14)
    assert np.isnan(fields(run, 0.0).mean).all(), "nothing is attached yet"


def test_bridges_that_stay_attached_are_all_attached(runs):
    found = fields(runs["sheet"], 1.0)
    assert (found.attached == 1).all() and found.cauchy.shape[1:] == (2, 2) and found.tension.max() > 0.1
    x = runs["sheet"].populations(1.0)
    np.testing.assert_allclose(found.mean[:, 0], np.einsum("pn,pn->p", x.weights, x.points[:, :, 0]), rtol=1e-10)


def test_cells_have_means_by_volume(runs):
    run = runs["muscle"]
    tissue, found = run.scenario.model.tissue, fields(run, 2.0)
    mean, dx = in_cells(tissue, found), tissue.space.dx
    for e in (0, 3, len(dx) - 1):
        expected = sum(w * f for w, f in zip(dx[e], found.stretch.reshape(dx.shape)[e], strict=True)) / dx[e].sum()
        assert mean.stretch[e] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(np.linalg.norm(mean.direction, axis=1), 1.0, rtol=1e-12)
    assert np.ptp(dx[0]) > 0.01 * dx[0].mean(), "all weights are alike"


def test_a_file_brings_the_fields_back(runs, tmp_path):
    run = runs["muscle"]
    again = ms.load(run.save(tmp_path / "solution.nc"))
    for name in ("piola", "tension", "attached", "pressure"):
        np.testing.assert_array_equal(getattr(fields(again, 2.0), name), getattr(fields(run, 2.0), name))
    before, after = run.scenario.model.tissue.space, again.scenario.model.tissue.space
    assert set(after.facets) == set(before.facets) and after.nodes.dtype.kind == "i"
    np.testing.assert_array_equal(after.facets["x0"].on, before.facets["x0"].on)


# Cells and surfaces


@pytest.mark.parametrize("element", ["Q1/P0", "Q2/Q1", "P2/P1"])
@pytest.mark.parametrize("shape", [Block((2.0, 1.0), (2, 3)), Fusiform(3.0, 0.7, 0.3, (3, 4))], ids=["plane", "space"])
def test_cells_are_numbered_as_vtk_does(element, shape):
    """Nodes between are in the middle of those that VTK says; the surface is closed and holds the volume (divergence theorem)."""
    tissue = ContinuumTissue(shape, NeoHookean(1.0), bulk=1.0, element=element)
    kind, nodes = cells(tissue)
    X, d = tissue.space.locations, shape.dim
    corners, between = {
        "quad": (4, []), "hexahedron": (8, []), "triangle6": (3, [(0, 1), (1, 2), (2, 0)]), "tetra10": (4, [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)]),
        "quad9": (4, [(0, 1), (1, 2), (2, 3), (3, 0), (0, 1, 2, 3)]),
        "hexahedron27": (8, [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7),
            (0, 4, 7, 3), (1, 2, 6, 5), (0, 1, 5, 4), (3, 7, 6, 2), (0, 1, 2, 3), (4, 5, 6, 7), tuple(range(8))]),
    }[kind]  # fmt: skip
    for k, group in enumerate(between):
        np.testing.assert_allclose(X[nodes[:, corners + k]], X[nodes[:, list(group)]].mean(axis=1), atol=1e-12)
    sides = np.stack(
        [X[nodes[:, k]] - X[nodes[:, 0]] for k in {2: (1, 3), 3: (1, 3, 4)}[d]]
        if corners != d + 1
        else [X[nodes[:, k]] - X[nodes[:, 0]] for k in range(1, d + 1)]
    )
    assert (np.linalg.det(np.moveaxis(sides, 0, 1)) > 0).all()
    drawn = surface(tissue)
    a, b, c = np.moveaxis(X[drawn.nodes][drawn.triangles], 1, 0)
    inside = (
        np.linalg.det(np.stack([b - a, c - a], axis=1)).sum() / 2
        if d == 2
        else np.einsum("mi,mi->", a, np.cross(b, c)) / 6
    )
    assert inside == pytest.approx(tissue.space.dx.sum(), rel=1e-12)
    assert len(edges(drawn)) == len({tuple(pair) for pair in edges(drawn).tolist()})
    border = outline(drawn, X, None if d == 2 else np.array([0.3, -0.8, 0.5]))
    assert 0 < len(border) < len(edges(drawn))
    if d == 2:
        assert np.linalg.norm(X[border[:, 0]] - X[border[:, 1]], axis=1).sum() == pytest.approx(6.0)


def test_points_are_spread_over_the_tissue():
    places = np.random.default_rng(0).random((500, 3))
    chosen = spread(places, 20)
    apart = np.linalg.norm(places[:, None] - places[chosen][None], axis=2)
    assert len(set(chosen)) == 20 and apart.min(axis=1).max() < 0.5
    assert np.min(apart[chosen] + 9 * np.eye(20)) > 0.2
    assert spread(places[:3], 20).tolist() == [0, 1, 2]


# Files


def test_series_reads_back(runs, tmp_path):
    run = runs["sheet"]
    paths = ms.save_series(run, tmp_path / "new" / "series", every=2)
    assert [p.name for p in paths] == ["tissue_0000.vtu", "tissue_0002.vtu", "tissue.pvd"]
    assert sorted(p.name for p in paths[0].parent.iterdir()) == sorted(p.name for p in paths)
    root = ElementTree.parse(paths[-1]).getroot()
    sets = root.findall("./Collection/DataSet")
    assert root.get("type") == "Collection" and [s.get("file") for s in sets] == [p.name for p in paths[:-1]]
    assert [float(s.get("timestep")) for s in sets] == run.ts[::2].tolist()
    grid, tissue = meshio.read(paths[1]), run.scenario.model.tissue
    found = fields(run, 1.0)
    mean = in_cells(tissue, found)
    assert grid.cells[0].type == "quad9" and len(grid.cells[0].data) == len(tissue.space.nodes)
    np.testing.assert_array_equal(grid.points[:, :2], tissue.space.locations)
    np.testing.assert_array_equal(grid.point_data["displacement"][:, :2], found.displacement)
    values = {name: data[0] for name, data in grid.cell_data.items()}
    np.testing.assert_array_equal(values["cauchy"].reshape(-1, 3, 3)[:, :2, :2], mean.cauchy)
    np.testing.assert_array_equal(values["piola_active"].reshape(-1, 3, 3)[:, :2, :2], mean.piola_active)
    for name in ("pressure", "volume", "stretch", "tension", "attached"):
        np.testing.assert_array_equal(values[name], getattr(mean, name))
    np.testing.assert_array_equal(values["fibre"][:, :2], mean.direction)
    np.testing.assert_array_equal(values["extension_std"], mean.std[:, 0])


def test_series_and_frames_say_what_is_wrong(runs, tmp_path):
    lumped = ms.solve(*_linear(), t1=0.1, save=2)
    for write in (ms.save_series, ms.save_frames):
        with pytest.raises(ms.InputError, match="ContinuumTissue"):
            write(lumped, tmp_path / "a")
        with pytest.raises(ms.InputError, match="every ≥ 1"):
            write(runs["sheet"], tmp_path / "a", every=0)
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ms.InputError, match="Cannot write"):
            write(runs["sheet"], tmp_path / "file")
    with pytest.raises(ms.InputError, match="did you mean 'stretch'"):
        ms.save_frames(runs["sheet"], tmp_path / "a", "strech")
    with pytest.raises(ms.InputError, match="saved time"):
        fields(runs["sheet"], 0.123)
    assert not (tmp_path / "a").exists() and (tmp_path / "file").read_text() == "mine"


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), float)


def _linear():
    model, begin = ms.zoo.linear()
    return model, ms.Characteristics(4), begin


@pytest.mark.parametrize("name", ["muscle", "sheet"])
def test_frames_differ_and_make_a_film(runs, tmp_path, name):
    paths = ms.save_frames(runs[name], tmp_path, "stretch", every=1, units={"length": "mm", "force": "mN", "time": "s"})
    pictures = [pixels(p) for p in paths if p.suffix == ".png"]
    assert len(pictures) == len(runs[name].ts)
    bar = slice(int(0.8 * pictures[0].shape[0]), None)
    assert all((one[bar] == pictures[0][bar]).all() for one in pictures), "the colour bar moves"
    assert all(np.abs(one - pictures[0]).max() > 50 for one in pictures[1:])
    drawn = (pictures[-1][: bar.start] < 250).any(axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    assert (
        columns[0] > 2 and columns[-1] < drawn.shape[1] - 3 and np.ptp(columns) > 0.6 * drawn.shape[1] and rows[0] > 2
    )
    with Image.open(tmp_path / "frames.gif") as film:
        assert film.n_frames == len(pictures)
    assert {p.suffix for p in paths} <= {".png", ".gif", ".mp4"}


def test_report_writes_everything(folder):
    files = {p.relative_to(folder / "muscle").as_posix() for p in (folder / "muscle").rglob("*") if p.is_file()}
    assert files == {
        *("solution.nc", "table.txt", "page.html", "figure.png", "figure.svg", "figure.pdf", "series/tissue.pvd"),
        *(f"series/tissue_{k:04d}.vtu" for k in range(4)),
    }
    html = (folder / "muscle" / "page.html").read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1]
    assert len(data) < 1e6 and "A muscle &amp; more" in html


# The page


@pytest.fixture(scope="module")
def browser():
    import os
    import shutil

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        message = "Chromium is not installed (on Debian: apt install chromium): the page was not looked at"
        (pytest.fail if os.environ.get("MYOSCALE_REQUIRE_CHROMIUM") else pytest.skip)(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=GL)
        yield browser
        browser.close()


@pytest.fixture
def show(browser, folder):
    """Open a page; what it says on the console and asks of the network must be nothing."""
    contexts, said = [], []

    def open_page(name, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or said.append(request.url)
        )
        page.goto((folder / name / "page.html").as_uri())
        page.wait_for_function("document.querySelector('#surface canvas') && clock.watchers.length > 4", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not said


def mesh(page):
    """Vertices (V, 3) and colours (V,) as drawn."""
    one = "byId('surface').data[0]"
    x, y, z, colour = (page.evaluate(f"Array.from({one}.{name})") for name in ("x", "y", "z", "intensity"))
    return np.array([x, y, z], float).T, np.array(colour, float)


def test_the_slider_moves_vertices_to_where_the_nodes_are(show, runs):
    page, run = show("muscle"), runs["muscle"]
    tissue = run.scenario.model.tissue
    nodes, seen = surface(tissue).nodes, []
    for presses in (["Home"], ["ArrowRight"] * 2, ["End"]):
        i = slide(page, presses)
        places, colours = mesh(page)
        expected = tissue.space.locations + run.y[i].reshape(-1, 3)
        np.testing.assert_allclose(places, expected[nodes], atol=1e-6)
        mean, around = in_cells(tissue, fields(run, float(run.ts[i]))), tissue.space.dx.sum(axis=1)
        k = len(nodes) // 2
        cells_of = [e for e, each in enumerate(tissue.space.nodes) if nodes[k] in each]
        assert colours[k] == pytest.approx(np.average(mean.stretch[cells_of], weights=around[cells_of]), rel=1e-5)
        seen.append(places)
    assert min(np.abs(a - seen[0]).max() for a in seen[1:]) > 0.01, "nothing moved"
    low, high = page.evaluate("[byId('surface').data[0].cmin, byId('surface').data[0].cmax]")
    assert low - 1e-5 <= colours.min() < colours.max() <= high + 1e-5  # the page has six digits
    page.locator("#surface-select").select_option("attached")
    top = max(float(fields(run, float(t)).attached.max()) for t in run.ts)
    assert mesh(page)[1].max() > 0.5 * float(fields(run, float(run.ts[-1])).attached.max())
    assert page.evaluate("byId('surface').data[0].cmax") <= top * 1.001


def density(page):
    x, y = curve(page, "bridges", "bridges")
    return x[1:-1:2], y[1:-1:2], x[-1]


def test_a_click_on_the_surface_chooses_the_bridges_beside(show, runs):
    page, run = show("muscle"), runs["muscle"]
    tissue = run.scenario.model.tissue
    i = slide(page, ["Home", "ArrowRight", "ArrowRight"])
    t, chosen = float(run.ts[i]), set()
    everyone, found = run.populations(t), fields(run, t)
    box = page.locator("#surface").bounding_box()
    here = tissue.space.places + np.einsum("qa,eai->eqi", tissue.space.values, found.displacement[tissue.space.nodes])
    for share in (0.25, 0.45, 0.65):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + (0.3 + 0.2 * share) * box["height"], steps=4)
        page.wait_for_timeout(300)
        page.mouse.down()
        page.wait_for_timeout(150)
        page.mouse.up()
        page.wait_for_timeout(500)
        p = page.evaluate("DATA.points[state.point]") - 1
        chosen.add(p)
        assert page.locator("#point").input_value() == str(page.evaluate("state.point"))
        edges_, height, end = density(page)
        width = np.diff(np.append(edges_, end))
        assert height @ width == pytest.approx(float(everyone.attached[p]), rel=1e-3, abs=1e-6)
        middle = edges_ + width / 2
        if everyone.attached[p] > 1e-3:
            assert height @ (width * middle) / (height @ width) == pytest.approx(float(everyone.mean[p, 0]), abs=0.03)
        assert page.locator("#now-stretch").inner_text() == f"{float(f'{found.stretch[p]:.4g}'):g}"
        foot = page.evaluate(
            "(({ x, y, z }) => [x[0], y[0], z[0]])(byId('surface').data.find(one => one.name === 'pin'))"
        )
        np.testing.assert_allclose(foot, here.reshape(-1, 3)[p], atol=1e-6)
        assert f"Point {p + 1} of {len(found.stretch)}" in page.locator("#where").inner_text()
    assert len(chosen) > 1, "clicks choose nothing"


def test_the_nearest_point_is_taken(show, runs):
    page, run = show("muscle"), runs["muscle"]
    tissue, i = run.scenario.model.tissue, slide(page, ["End"])
    kept = np.array(page.evaluate("DATA.points")) - 1
    u = run.y[i].reshape(-1, 3)[tissue.space.nodes]
    here = (tissue.space.places + np.einsum("qa,eai->eqi", tissue.space.values, u)).reshape(-1, 3)[kept]
    for place in ([0.2, 0.1, 0.0], [3.5, 0.0, 0.2], [2.0, -0.7, 0.1]):
        assert page.evaluate("(p) => nearestPoint(p)", place) == np.argmin(np.linalg.norm(here - place, axis=1))


def test_curves_are_those_of_the_run(show, runs):
    page, run = show("muscle"), runs["muscle"]
    np.testing.assert_allclose(curve(page, "energy", "total")[1], run.energy.total, rtol=1e-5)
    tissue = run.scenario.model.tissue
    pull = run.reaction.reshape(len(run.ts), -1, 3)[:, tissue.space.facets["x1"].on, 0].sum(axis=1)
    np.testing.assert_allclose(curve(page, "reactions", "x1, x")[1], pull, rtol=1e-5, atol=1e-9)
    assert pull.max() > 0.01, "nothing is held"
    page.locator("#point").select_option(index=5)
    p = page.evaluate("DATA.points[5]") - 1
    np.testing.assert_allclose(
        curve(page, "attached", "kinetic:24")[1], run.cycling.attached[:, p], rtol=1e-4, atol=1e-9
    )
    facts = page.locator("#facts-card").inner_text()
    assert (
        f"{len(tissue.space.nodes)} of Q1/P0" in facts
        and f"{run.stats.right_hand_sides} iterations" in facts.replace("\u202f", "")
    )


def test_the_plane_is_seen_from_above(show, runs):
    page, run = show("sheet"), runs["sheet"]
    i = slide(page, ["End"])
    places, _ = mesh(page)
    tissue = run.scenario.model.tissue
    expected = (tissue.space.locations + run.y[i].reshape(-1, 2))[surface(tissue).nodes]
    np.testing.assert_allclose(places, np.pad(expected, ((0, 0), (0, 1))), atol=1e-6)
    eye = page.evaluate("byId('surface').layout.scene.camera.eye")
    assert (eye["x"], eye["y"]) == (0, 0) and page.evaluate("byId('surface').layout.scene.dragmode") == "pan"
    assert not page.locator("#attached").count()
    p = page.evaluate("DATA.points[state.point]") - 1
    edges_, height, end = density(page)
    width = np.diff(np.append(edges_, end))
    assert height @ width == pytest.approx(1.0, rel=1e-4)
    assert height @ (width * (edges_ + width / 2)) == pytest.approx(fields(run, 1.0).mean[p, 0], abs=0.03)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_any_screen(show, width, scheme):
    page = show("muscle", width, color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    assert len(found) > 60 and not [one for one in found if one[1] < 4.5]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [page.locator(f"#{name}").bounding_box() for name in ("surface", "bridges")]
    for box in boxes:
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] > 250
    beside = abs(boxes[0]["y"] - boxes[1]["y"]) < 40
    assert beside == (width > 800)


def test_it_plays_and_takes_the_other_theme(show):
    page = show("muscle")
    page.locator("#play").focus()
    page.keyboard.press("Enter")
    positions = []
    for _ in range(40):
        page.wait_for_timeout(100)
        positions.append(page.evaluate("clock.position"))
        if len(set(positions)) > 3:
            break
    assert len(set(positions)) > 3 and any(one != int(one) for one in positions)
    page.keyboard.press("Enter")
    page.locator("#before").click()
    assert page.evaluate("byId('surface').data.some(one => one.name === 'before')")
    lines = page.evaluate("byId('surface').data.find(one => one.name === 'edges').line.color")
    page.locator("#theme").click()
    assert page.evaluate("byId('surface').data.find(one => one.name === 'edges').line.color") != lines


def test_large_arrays_travel_as_floats(folder):
    html = (folder / "sheet" / "page.html").read_text()
    text = re.search(r'"places":"([^"]*)"', html)[1]
    assert len(base64.b64decode(text)) % 12 == 0
