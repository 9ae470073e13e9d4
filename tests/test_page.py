"""The page shows what was computed, in a real browser: headless Chromium without a network.

Load-bearing: `test_the_slider_moves_what_is_drawn` and `test_everything_is_where_it_should_be`. Numbers come out of the charts as
drawn and are compared with the solutions. Without Chromium these tests are skipped, unless MYOSCALE_REQUIRE_CHROMIUM is set.
"""

import json
import os
import re
import shutil
from html import unescape

import numpy as np
import pytest

import myoscale as ms
from myoscale import zoo
from myoscale.render import FILES

WIDTHS = {1280: 900, 390: 844}
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
EVIL = "</script><script>window.evil = 1</script><img src=x onerror=alert(1)> & “bent”"


@pytest.fixture(scope="module")
def studies():
    """A line, a plane, a chain of three, and bridges with multipliers of which one passes through rank loss."""
    bent, element, chain = zoo.bent(), zoo.element(), zoo.chain(3)
    law, plane = ms.Characteristics(8), ms.Characteristics(16)
    run = lambda made, t1, reference, *levels: ms.compare(*made, t1=t1, levels=levels, reference=reference, save=31)
    return {
        "line": run(bent, 4.0, law, ms.Reduced(40), ms.Kinetic(32), ms.MomentClosure(8)),
        "plane": run(element, 1.0, plane, ms.Reduced(60), ms.Kinetic(16), ms.MomentClosure(8)),
        "chain": run(chain, 20.0, law, ms.Reduced(60), ms.MomentClosure(8)),
        "tied": run(zoo.singular(), 4.0, ms.Constrained(60), ms.Reduced(40), ms.Constrained(55)),
    }


@pytest.fixture(scope="module")
def folder(studies, tmp_path_factory):
    """Each study's report."""
    out = tmp_path_factory.mktemp("pages")
    for name, study in studies.items():
        ms.report(study, out / name, title=EVIL if name == "line" else name, source=f"Somebody & al., {name}")
    return out


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        message = "Chromium is not installed (on Debian: apt install chromium): the page was not looked at"
        (pytest.fail if os.environ.get("MYOSCALE_REQUIRE_CHROMIUM") else pytest.skip)(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser, folder):
    """Open a page; what it says on the console and asks of the network is kept in `page.said`, and must be nothing."""
    contexts = []

    def open_page(name, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: request.url.startswith("file:") or page.said.append(request.url))
        page.goto((folder / name / "page.html").as_uri())
        page.wait_for_function("document.querySelectorAll('.chart .main-svg').length > 0 && clock.watchers.length > 5")
        return page

    yield open_page
    for context in contexts:
        said = [text for page in context.pages for text in page.said if not text.startswith("data:")]
        context.close()
        assert not said


def drawn(page, chart):
    """The visible traces of a chart, by name; the last of a name."""
    found = page.evaluate(
        f"byId('{chart}').data.map(one => [one.name, one.type, Array.from(one.x || []), Array.from(one.y || []), one.visible])"
    )
    return {
        (name, kind): (np.array(x, float), np.array(y, float))
        for name, kind, x, y, visible in found
        if visible is not False
    }


def curve(page, chart, name):
    return drawn(page, chart)[name, "scatter"]


def slide(page, presses):
    """Move the time slider with the keyboard; the number of the saved time where it is then."""
    page.locator("#time").focus()
    for key in presses:
        page.keyboard.press(key)
    return int(page.locator("#time").input_value())


# What is drawn is what was computed


def test_the_slider_moves_what_is_drawn(show, studies):
    page, study = show("line"), studies["line"]
    seen = []
    for presses in ([], ["ArrowRight"] * 7, ["End"]):
        t = float(study.solutions["kinetic:32"].ts[slide(page, presses)])
        assert page.locator("#time").get_attribute("aria-valuetext") == f"t = {float(f'{t:.4g}'):g}"
        one = lambda label, t=t: study.solutions[label].population(t)
        kinetic, gaussian, rug = (one(label) for label in ("kinetic:32", "moments:8", "reduced:40"))
        x, density = curve(page, "bridges", "kinetic:32")
        np.testing.assert_allclose(x, (kinetic.edges[0][1:] + kinetic.edges[0][:-1]) / 2, atol=2e-3)
        np.testing.assert_allclose(density, kinetic.density, rtol=1e-3, atol=1e-3 * kinetic.density.max())
        x, density = curve(page, "bridges", "moments:8")
        mean, std = gaussian.mean[0], np.sqrt(gaussian.covariance[0, 0])
        exact = np.exp(-(((x - mean) / std) ** 2) / 2) / (np.sqrt(2 * np.pi) * std)
        np.testing.assert_allclose(density, exact, atol=2e-3 * exact.max())
        x, _ = curve(page, "bridges", "reduced:40")
        np.testing.assert_allclose(x, rug.points[:, 0], rtol=1e-3, atol=1e-4)
        x, density = curve(page, "bridges", "characteristics:8")  # the law itself, which the nodes integrate
        nodes = one("characteristics:8")
        assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-3)
        assert np.trapezoid(x * density, x) == pytest.approx(nodes.mean[0], abs=1e-3)
        seen.append(nodes.mean[0])
    assert np.ptp(seen) > 0.2, "nothing moved"


def test_histograms_and_points_of_a_chain(show, studies):
    page, study = show("chain"), studies["chain"]
    run, seen = study.solutions["reduced:60"], []
    for point in (0, 2):
        page.locator("#point").select_option(index=point)
        frame = slide(page, ["Home", *["ArrowRight"] * 12])
        points = run.population(float(run.ts[frame]), point).points[:, 0]
        x, heights = curve(page, "bridges", "reduced:60")
        edges = x[1:-1:2]
        edges = np.append(edges, x[-1])
        expected = np.histogram(points, np.linspace(points.min(), points.max(), len(edges)), density=True)[0]
        np.testing.assert_allclose(edges, np.linspace(points.min(), points.max(), len(edges)), atol=2e-3)
        np.testing.assert_allclose(heights[1:-1:2], expected, rtol=2e-3)
        np.testing.assert_allclose(curve(page, "force", "reduced:60")[1], run.force[:, point, 0], rtol=1e-5)
        seen.append(points.mean())
    assert abs(seen[0] - seen[1]) > 0.05, "both points look alike"


def test_the_plane_is_a_map(show, studies):
    page, study = show("plane"), studies["plane"]
    t = float(study.solutions["kinetic:16"].ts[slide(page, ["End"])])
    for label, run in study.solutions.items():
        one = run.population(t)
        x, y = curve(page, "bridges", label)  # 61 points of an ellipse at one, then at two standard deviations
        half = 2 * np.sqrt(np.diag(one.covariance))
        for values, mean, size in zip((x, y), one.mean, half, strict=True):
            np.testing.assert_allclose([np.nanmin(values), np.nanmax(values)], [mean - size, mean + size], atol=5e-3)
    kinetic = study.solutions["kinetic:16"]
    z = np.array(page.evaluate("byId('bridges').data.find(one => one.type === 'heatmap').z"), float)
    top = max(kinetic.population(float(s)).density.max() for s in kinetic.ts)
    np.testing.assert_allclose(z.T / 1000, kinetic.population(t).density / top, atol=1e-3)
    x, y = drawn(page, "bridges")["kinetic:16", "heatmap"]
    for values, edges in zip((x, y), kinetic.population(t).edges, strict=True):
        np.testing.assert_allclose(values, (edges[1:] + edges[:-1]) / 2, atol=1e-3)


@pytest.mark.parametrize("name", ["line", "plane", "chain"])
def test_curves_are_those_of_the_study(show, studies, name):
    page, study = show(name), studies[name]
    for row in study.rows:
        run = study.solutions[row.label]
        np.testing.assert_allclose(curve(page, "motion", row.label)[1], run.y[:, -1], rtol=1e-5, atol=1e-9)
        if row.label != study.reference:
            shown = row.errors_y > 1e-17
            np.testing.assert_allclose(curve(page, "distance", row.label)[1][shown], row.errors_y[shown], rtol=1e-5)
    total = curve(page, "energy", "total")[1]
    np.testing.assert_allclose(total, study.solutions[study.reference].energy.total, rtol=1e-5)
    parts = [y for (label, _), (_, y) in drawn(page, "energy").items() if label != "total"]
    np.testing.assert_allclose(sum(parts), total, rtol=1e-4)
    one_way = curve(page, "oneway", "m = 0")[1]
    np.testing.assert_allclose(one_way, study.one_way.solution.y[:, -1], rtol=1e-5, atol=1e-9)
    cells = page.locator("tbody tr").nth(1).locator("td").all_inner_texts()
    assert f"{study.rows[1].error_y:.1e}" in cells[0]


def test_a_fan_and_residuals_are_those_of_the_study(show, studies):
    """The axis is y ↦ asinh(y/width), written out; levels have a fan each, to choose from."""
    page, study = show("tied"), studies["tied"]
    width = page.evaluate("DATA.fan.width")
    for label, count in (("constrained:60", 60), ("constrained:55", 55)):
        page.locator("#fan-select").select_option(label)
        pulls = count * study.solutions[label].pulls[:, 0, :, 0]
        for name, part in (("median", 0.5), ("90 %", 0.95), ("all, from", 0.0)):
            expected = np.arcsinh(np.quantile(pulls, part, axis=1) / width)
            np.testing.assert_allclose(curve(page, "fan", name)[1], expected, rtol=1e-4, atol=1e-6)
        single = [name for name, _ in drawn(page, "fan") if name.startswith("bridge ")]
        assert len(single) == 3
        for name in single:
            expected = np.arcsinh(pulls[:, int(name.split()[1])] / width)
            np.testing.assert_allclose(curve(page, "fan", name)[1], expected, rtol=1e-4, atol=1e-6)
    lowest = page.evaluate("DATA.residual.floor")
    for label, run in study.solutions.items():
        np.testing.assert_allclose(curve(page, "residual", label)[1], np.maximum(run.residual, lowest), rtol=1e-5)
        if label.startswith("constrained"):
            shown = curve(page, "residual", f"{label}, ġ")[1]
            np.testing.assert_allclose(shown, np.maximum(run.velocity_residual, lowest), rtol=1e-5)
    assert ("reduced:40, ġ", "scatter") not in drawn(page, "residual")
    low, high = page.evaluate("byId('residual').layout.yaxis.range")
    assert 10**low < lowest and 10**high > study.solutions["constrained:60"].rounding
    assert (
        not show("line").locator("#fan").count()
        and "rounding" not in show("line").locator("#residual-card").inner_text()
    )


def test_bridges_in_the_picture_stay_on_their_constraint(show, studies):
    """x + βx³ − q of each, and where it is drawn."""
    page = show("line")
    picture = page.evaluate("PICTURE")
    q, x = np.array(picture["q"]), np.array(picture["x"])[0]
    np.testing.assert_allclose(q[0], studies["line"].solutions["reduced:40"].y[:, 0], atol=1e-5)
    label = x + 0.15 * x**3 - q
    run = studies["line"].solutions["reduced:40"]
    for frame in (0, 11, 30):
        points = run.population(float(run.ts[frame])).points[:, 0]
        np.testing.assert_allclose(np.sort(x[:, frame]), np.sort(points), rtol=1e-3, atol=1e-4)
    assert np.ptp(x, axis=1).min() > 0.2, "bridges stand still"
    rounding = 2 * (1 + 0.45 * x.max() ** 2) * 5e-4  # of two x, written with four digits
    np.testing.assert_allclose(label, np.repeat(label[:, :1], label.shape[1], axis=1), atol=rounding)
    assert picture["sign"] == -1, "their other ends would run away"
    image = lambda: page.evaluate("byId('picture').toDataURL()")
    first = image()
    slide(page, ["End"])
    assert image() != first
    nodes = page.evaluate("[nodesAt(LAST)[1] - nodesAt(0)[1]]")
    assert nodes[0] == pytest.approx(q[0, -1] - q[0, 0])
    assert page.locator("#now-y").inner_text().replace("−", "-") == f"{float(f'{q[0, -1]:.4g}'):g}"


# How it behaves


def test_nothing_is_said_and_nothing_is_loaded(show):
    page = show("line")
    assert page.locator("h1").inner_text() == EVIL and page.evaluate("window.evil") is None
    assert page.locator(".verdict").inner_text() and "Somebody & al." in page.locator(".source").inner_text()
    assert not page.said
    page.evaluate("fetch('https://example.org/').catch(() => 0)")
    page.wait_for_timeout(200)
    assert any("Content Security Policy" in text for text in page.said), "a request would not have been seen"
    page.said.clear()


def test_everything_can_be_done_with_keys(show):
    page = show("chain")
    reached, names = set(), ("theme", "energy-select", "play", "time", "point")
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.id, e.closest('.legend') !== null, s.outlineStyle, parseFloat(s.outlineWidth)]; })()"
        )
        reached |= {found[0]} | ({"legend"} if found[1] else set())
        if found[0] in names:
            assert found[2] == "solid" and found[3] >= 2, f"{found[0]} does not show that it has the focus"
    assert reached >= {*names, "legend"}
    assert slide(page, ["Home"]) == 0
    assert slide(page, ["ArrowRight"]) > 0
    before = set(drawn(page, "motion"))
    page.locator("#motion-card .legend button").nth(1).focus()
    page.keyboard.press("Enter")
    assert before - set(drawn(page, "motion")) == {("reduced:60", "scatter")}
    assert page.locator("#force-card .legend button").nth(1).get_attribute("aria-pressed") == "false"
    page.locator("#energy-select").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("state.ledger") != page.evaluate("DATA.reference")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_it_plays_and_stops_at_a_frame(show, motion):
    page = show("line", reduced_motion=motion)
    page.locator("#play").focus()
    page.keyboard.press("Enter")
    positions = []
    for _ in range(12):
        page.wait_for_timeout(120)
        positions.append(page.evaluate("clock.position"))
    assert positions[-1] > positions[0] and page.locator("#play").get_attribute("aria-label") == "Pause"
    between = any(position != int(position) for position in positions)
    assert between == (motion == "no-preference")
    page.keyboard.press("Enter")
    at = page.evaluate("[clock.position, Number(byId('time').value), clock.playing]")
    assert at[0] == at[1] == int(at[0]) and not at[2]


# How it looks

BOXES = """() => {
  const box = (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  return [...document.querySelectorAll("figure.card")].filter(card => card.querySelector(".chart")).map((card) => {
    const all = (selector) => [...card.querySelectorAll(selector)].filter(seen).map(box);
    return {
      id: card.id, card: box(card), chart: box(card.querySelector(".chart")),
      titles: all(".xtitle, .ytitle"), xticks: all(".xtick text"), yticks: all(".ytick text"),
      names: all(".annotation-text"), legend: all(".legend > *"), heading: all("h2, .choice"), plot: all(".nsewdrag"),
    };
  });
}"""


def overlap(a, b):
    """How far two boxes reach into each other."""
    return min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])


def apart(boxes, where):
    for k, a in enumerate(boxes):
        for b in boxes[:k]:
            assert min(overlap(a, b)) <= 1, f"{where}: {a} and {b} overlap"


def within(inner, outer):
    return (
        inner[0] >= outer[0] - 1 and inner[1] >= outer[1] - 1 and inner[2] <= outer[2] + 1 and inner[3] <= outer[3] + 1
    )


def check_card(card, width):
    where = card["id"]
    assert within(card["card"], (0, -1e9, width, 1e9)) and within(card["chart"], card["card"]), where
    assert len(card["titles"]) == 2 and len(card["xticks"]) > 2 and len(card["yticks"]) > 1, where
    assert all(within(box, card["chart"]) for box in card["titles"] + card["xticks"] + card["yticks"]), where
    assert len(card["legend"]) > 0 and all(within(box, card["card"]) for box in card["legend"] + card["names"]), where
    apart(card["titles"] + card["xticks"] + card["yticks"], where)
    apart(card["legend"] + card["heading"] + [card["chart"]], where)
    apart(card["names"] + card["plot"], where)
    plot = card["plot"][0]
    assert plot[2] - plot[0] > 0.6 * (card["card"][2] - card["card"][0]) and plot[3] - plot[1] > 150, where


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["line", "plane", "chain", "tied"])
def test_everything_is_where_it_should_be(show, name, width):
    page = show(name, width)
    cards = page.evaluate(BOXES)
    assert len(cards) == (9 if name == "tied" else 8)
    for card in cards:
        check_card(card, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    bar, slider = (page.locator(selector).bounding_box() for selector in (".bar", "#time"))
    assert bar["y"] + bar["height"] == pytest.approx(WIDTHS[width]) and slider["width"] > 0.25 * width
    moved = json.loads(json.dumps(cards[0]))
    moved["titles"][1] = moved["yticks"][0]
    with pytest.raises(AssertionError, match="overlap"):
        check_card(moved, width)


CONTRAST = """() => {
  const parse = (text) => { const v = (text.match(/[\\d.]+/g) || []).map(Number); return [...v.slice(0, 3), v.length > 3 ? v[3] : 1]; };
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.5) return c; } return [255, 255, 255, 1]; };
  const own = (e) => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  return [...document.body.querySelectorAll("*")].filter(e => own(e) && e.getClientRects().length && !e.closest("script, style, option")).map((e) => {
    const style = getComputedStyle(e), colour = parse(e.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(colour), light(ground(e))].sort((x, y) => y - x);
    return [e.textContent.trim().slice(0, 30), (a + 0.05) / (b + 0.05)];
  });
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_text_can_be_read_in_light_and_dark(show, width):
    page = show("line", width, color_scheme="dark")
    shades = []
    for step in range(2):
        found = page.evaluate(CONTRAST)
        assert len(found) > 80 and not [one for one in found if one[1] < 4.5]
        shades.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        shown = page.evaluate("byId('motion').data[0].line.color")
        assert shown == ("#ffffff" if step == 0 else "#000000"), "the reference has the colour of the ground"
        page.locator("#theme").click()
    assert shades[0] != shades[1]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == shades[0]


def test_levels_differ_by_more_than_colour(show):
    page = show("line")
    dashes = page.evaluate("byId('motion').data.map(one => one.line.dash)")
    assert len(set(dashes)) == len(dashes) == 4


# Files


def test_report_writes_everything_and_the_same_again(studies, folder, tmp_path):
    found = ms.report(studies["line"], tmp_path / "new", title=EVIL, source="Somebody & al., line")
    expected = [name for name in FILES if name != "solution.nc"]  # which is a single run's
    assert [path.name for path in found] == expected
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(expected)
    for name in ("page.html", "figure.png", "figure.svg", "figure.pdf", "table.txt"):
        assert (tmp_path / "new" / name).read_bytes() == (folder / "line" / name).read_bytes(), name
    html = (tmp_path / "new" / "page.html").read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1]
    assert len(data) < 2e6 and json.loads(data)["reference"] == "characteristics:8"
    assert "Somebody &amp; al." in html and EVIL not in html


def test_the_lines_on_the_page_run_it_again(studies, folder, monkeypatch):
    monkeypatch.chdir(folder / "chain")
    html = (folder / "chain" / "page.html").read_text()
    lines = unescape(re.search(r"beside the file study.nc:</p>.*?<code>(.*?)</code>", html, re.DOTALL)[1])
    found = {}
    exec(lines, found)
    for label, run in studies["chain"].solutions.items():
        np.testing.assert_array_equal(found["study"].solutions[label].y, run.y)


def test_report_takes_a_single_run(studies, tmp_path):
    run = studies["line"].solutions["moments:8"]
    ms.report(run, tmp_path, command="myoscale run bent --level moments:8", citations=["A. B., C (2020)"])
    html = (tmp_path / "page.html").read_text()
    assert "myoscale run bent --level moments:8" in html and "<li>A. B., C (2020)</li>" in html
    assert 'class="source"' not in html and 'id="distance"' not in html and 'id="oneway"' not in html
    assert 'id="fan"' not in html and 'id="residual"' not in html
    assert (tmp_path / "table.txt").read_text().startswith("level")


def test_report_needs_results_and_a_folder(studies, tmp_path):
    with pytest.raises(ms.InputError, match="results"):
        ms.report(ms.Study("moments", np.zeros(0)), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ms.InputError, match="Cannot write"):
        ms.report(studies["line"], tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("name", "label"), [("line", "reduced:40"), ("plane", "kinetic:16"), ("chain", "moments:8")])
def test_a_run_and_a_study_draw_themselves(studies, name, label):
    import matplotlib.pyplot as plt

    study = studies[name]
    run = study.solutions[label]
    motion, energy, force, bridges = run.plot(t=float(run.ts[10]), point=-1)
    assert [len(axes.lines) for axes in (motion, force)] == [min(run.y.shape[1], 3), min(run.force.shape[2], 3)]
    np.testing.assert_array_equal(motion.lines[0].get_ydata(), run.y[:, 0])
    np.testing.assert_array_equal(energy.lines[0].get_ydata(), run.energy.total)
    np.testing.assert_array_equal(force.lines[0].get_ydata(), run.force[:, -1, 0])
    assert f"t = {run.ts[10]:.4g}" in bridges.get_title(loc="left")
    axes = study.plot("A title")
    assert len(axes) == 5 and axes[0].figure.texts[-1].get_text() == "A title"
    plt.close("all")
