// Charts over time: what they share, and one function for each.

const GREY = () => css("--grey");
const DASH_WORK = [2, 2];
const TERMS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]; // Okabe and Ito
const TERMS_DARK = ["#3D9BE0", "#F0B429", "#14B88A", "#DB93BC", "#9AD4F7", "#F0763B"];
const term = (k) => (dark() ? TERMS_DARK : TERMS)[k % TERMS.length];
const TERM_DASHES = [[], [6, 4], [1.5, 2.5], [7, 3, 1.5, 3], [3, 3], [10, 3]];
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

const state = { hidden: new Set(), point: 0, ledger: DATA.reference in DATA.ledger ? DATA.reference : DATA.levels[0].label };
const charts = [];
if (DATA.fan) state.fan = Object.keys(DATA.fan.levels)[0];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === "dark";
const colour = (level) => (dark() ? level.dark : level.light);
const dashes = (dash, width = 2) => (dash.length ? dash.map((part) => `${part * width * 0.75}px`).join(",") : "solid");
const several = (count) => count > 1;

function rgba(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

const levelLine = (level) => ({ color: colour(level), width: level.width, dash: dashes(level.dash, level.width) });

/** A trace of a level, left out where the reader has hidden it. */
function trace(level, x, y, more = {}) {
  return {
    type: "scatter", mode: "lines", name: level.label, x, y, line: levelLine(level),
    visible: !state.hidden.has(level.label), hovertemplate: "%{y:.5g}", ...more,
  };
}

const axis = (title, more = {}) => ({
  title: { text: title, standoff: 6 }, gridcolor: css("--grid"), linecolor: css("--line"), tickcolor: css("--line"),
  ticks: "outside", ticklen: 4, zeroline: false, automargin: true, fixedrange: !matchMedia("(pointer: fine)").matches, ...more,
});

function layout(x, y, more = {}) {
  const narrow = innerWidth < 800;
  return {
    margin: { l: 54, r: several(DATA.coordinates.length) ? 26 : 12, t: 10, b: 42, pad: 0 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, uirevision: "keep",
    font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 12 : 13, color: css("--ink") },
    hovermode: "x unified", hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--muted"), activecolor: css("--ink") },
    dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
    xaxis: x, yaxis: y, ...more,
  };
}

const END = DATA.t[DATA.t.length - 1];
const timeAxis = () => axis(DATA.labels.time, { range: [DATA.t[0], END], hoverformat: ".4g", nticks: 7 });
/** A logarithmic axis over what is shown, at whole powers of ten, of which no more than seven are named. */
function logAxis(title, curves) {
  const values = curves.flat().filter((value) => value !== null && value > 0);
  if (!values.length) return axis(title, { showticklabels: false, range: [0, 1] });
  const top = Math.ceil(Math.log10(Math.max(...values)) + 0.15);
  const bottom = Math.min(Math.max(Math.floor(Math.log10(Math.min(...values))), top - 14), top - 2);
  return axis(title, {
    type: "log", range: [bottom, top], dtick: Math.max(1, Math.ceil((top - bottom) / 7)), exponentformat: "power", hoverformat: ".2e",
  });
}

/** Names at the right ends of curves, moved apart where they would overlap; as annotations. */
function namesAtEnd(names, curves) {
  if (!several(names.length)) return [];
  const values = curves.flat(2).filter((value) => value !== null);
  const gap = 0.1 * (Math.max(...values) - Math.min(...values) || 1);
  const ends = names.map((name, k) => ({ name, y: curves[0][k].findLast((value) => value !== null) }));
  ends.sort((a, b) => a.y - b.y).forEach((end, k) => { if (k) end.y = Math.max(end.y, ends[k - 1].y + gap); });
  return ends.map(({ name, y }) => ({ text: name, x: 1, xref: "paper", xanchor: "left", xshift: 3, y, yref: "y", showarrow: false }));
}

const longest = () => DATA.levels.map((level) => level.label).sort((a, b) => DATA.y[b][0].length - DATA.y[a][0].length)[0];

/** Curves of all levels, one for each component. */
function componentCurves(of, names) {
  return DATA.levels.flatMap((level) =>
    of(level.label).map((values, k) =>
      trace(level, DATA.t.slice(0, values.length), values, {
        hovertemplate: `${several(names.length) ? names[k] + " " : ""}%{y:.5g}`, legendgroup: level.label,
      })));
}

function motion() {
  const every = DATA.levels.map((level) => DATA.y[level.label]);
  return {
    traces: componentCurves((label) => DATA.y[label], DATA.coordinates),
    layout: layout(timeAxis(), axis(DATA.labels.y), {
      annotations: namesAtEnd(DATA.coordinates, [DATA.y[longest()], ...every]),
    }),
  };
}

function force() {
  const of = (label) => DATA.force[label][state.point];
  const every = DATA.levels.map((level) => of(level.label));
  return {
    traces: componentCurves(of, DATA.components),
    layout: layout(timeAxis(), axis(DATA.labels.force), {
      annotations: namesAtEnd(DATA.components, [of(longest()), ...every]),
    }),
  };
}

/** A curve of cycling at the selected point, of every level. */
const cycling = (name) => () => {
  const of = (level) => DATA.cycling[level.label][name][state.point];
  return {
    traces: DATA.levels.map((level) => trace(level, DATA.t.slice(0, of(level).length), of(level))),
    layout: layout(timeAxis(), axis(DATA.labels[name], { rangemode: "tozero" })),
  };
};

function distance() {
  const levels = DATA.levels.filter((level) => level.label in DATA.distance);
  const traces = levels.map((level) => {
    const values = DATA.distance[level.label];
    return trace(level, DATA.t.slice(0, values.length), values, { hovertemplate: "%{y:.1e}" });
  });
  if (DATA.one_way && !DATA.cycling) {
    const values = DATA.one_way.distance;
    traces.push({ type: "scatter", mode: "lines", name: "one-way, m = 0", x: DATA.t.slice(0, values.length), y: values,
      line: { color: GREY(), width: 1.5 }, hovertemplate: "%{y:.1e}" });
  }
  return { traces, layout: layout(timeAxis(), logAxis(DATA.labels.distance, traces.map((one) => one.y))) };
}

const tickName = (value) => {
  if (value === 0 || (Math.abs(value) >= 0.01 && Math.abs(value) < 1000)) return String(value).replace("-", "−");
  const [digit, exponent] = value.toExponential(0).split("e");
  return `${digit.replace("1", "").replace("-", "−")}${digit.endsWith("1") ? "" : "·"}10<sup>${Number(exponent)}</sup>`.replace("<sup>-", "<sup>−");
};

const fanLevel = () => DATA.levels.find((level) => level.label === state.fan);
const BANDS = [["all", 0.14], ["90 %", 0.24], ["50 %", 0.36]];
const place = (value) => (DATA.fan.width ? Math.asinh(value / DATA.fan.width) : value);

/** Bands between quantiles, the median and the bridges that go furthest; on an axis of asinh where some leave all others far behind. */
function fan() {
  const level = fanLevel();
  const { bands, bridges } = DATA.fan.levels[level.label][state.point];
  const x = DATA.t.slice(0, bands[0].length);
  const line = (name, values, more) => ({
    type: "scatter", mode: "lines", name, x, y: values.map(place), customdata: values, hovertemplate: "%{customdata:.4g}", ...more });
  const none = { line: { width: 0 }, hoverinfo: "skip", hovertemplate: null };
  const traces = BANDS.flatMap(([name, shade], k) => [
    line(`${name}, from`, bands[k], none),
    line(name, bands[bands.length - 1 - k], { ...none, fill: "tonexty", fillcolor: rgba(colour(level), shade) }),
  ]);
  for (const { bridge, values } of bridges) traces.push(line(`bridge ${bridge}`, values, { line: { color: css("--ink"), width: 1 } }));
  traces.push(line("median", bands[3], { line: { ...levelLine(level), width: 2 } }));
  const { low, high, ticks } = DATA.fan;
  const margin = 0.05 * (place(high) - place(low)) || 1;
  const range = [place(low) - margin, place(high) + margin];
  const named = ticks ? { tickmode: "array", tickvals: ticks.map(place), ticktext: ticks.map(tickName) } : {};
  return { traces, layout: layout(timeAxis(), axis(DATA.fan.sized ? DATA.labels.pull_size : DATA.labels.pull, { range, ...named })) };
}

function fanKeys() {
  const level = fanLevel();
  const bands = BANDS.map(([name], k) => ({ name, colour: colour(level), dash: [], width: 0, shade: 1 - BANDS.slice(0, k + 1).reduce((left, [, shade]) => left * (1 - shade), 1) }));
  return [{ name: "median", colour: colour(level), dash: level.dash }, ...bands.reverse(), { name: "single bridges", colour: css("--ink"), dash: [], width: 1 }];
}

function residual() {
  const { levels, floor, rounding } = DATA.residual;
  const lifted = (values) => values.map((value) => Math.max(value, floor));
  const shown = DATA.levels.filter((level) => level.label in levels);
  const curve = (level, values, more) => trace(level, DATA.t.slice(0, values.length), lifted(values), { customdata: values, hovertemplate: "%{customdata:.1e}", ...more });
  const traces = shown.flatMap((level) => {
    const { position, velocity } = levels[level.label];
    const thin = velocity && curve(level, velocity, { name: `${level.label}, ġ`, line: { color: colour(level), width: 1 } });
    return [curve(level, position, { line: { ...levelLine(level), width: 2 } }), ...(velocity ? [thin] : [])];
  });
  if (rounding) traces.push({ type: "scatter", mode: "lines", name: "rounding", x: [DATA.t[0], END], y: [rounding, rounding],
    line: { color: GREY(), width: 1.5, dash: "2px,3px" }, hoverinfo: "skip" });
  return { traces, layout: layout(timeAxis(), logAxis(DATA.labels.residual, traces.map((one) => one.y))) };
}

function balance() {
  const of = (level) => DATA.ledger[level.label].balance;
  const traces = DATA.levels.map((level) => trace(level, DATA.t.slice(0, of(level).length), of(level), { hovertemplate: "%{y:.1e}" }));
  return { traces, layout: layout(timeAxis(), logAxis("|balance| / greatest energy", DATA.levels.map(of))) };
}

const termLine = (k) => ({ color: term(k), width: 2, dash: dashes(TERM_DASHES[k % TERM_DASHES.length]) });

/** Stored energies on top of each other, or as lines where one is negative; works and the total as lines. */
function energy() {
  const ledger = DATA.ledger[state.ledger];
  const x = DATA.t.slice(0, ledger.total.length);
  const line = (name, y, more) => ({ type: "scatter", mode: "lines", name, x, y, hovertemplate: "%{y:.4g}", ...more });
  const traces = ledger.terms.map(({ name, values }, k) => line(name, values, {
    line: termLine(k), ...(ledger.stacked ? { stackgroup: "stored", fillcolor: rgba(term(k), 0.3) } : {}),
  }));
  ledger.works.forEach(({ name, values }, k) => traces.push(line(name, values, {
    line: { color: GREY(), width: 2, dash: dashes(k ? DASH_WORK : [8, 3]) } })));
  traces.push(line("total", ledger.total, { line: { color: css("--ink"), width: 2.5 } }));
  return { traces, layout: layout(timeAxis(), axis(DATA.labels.energy, ledger.stacked ? { rangemode: "tozero" } : {})) };
}

function energyKeys() {
  const ledger = DATA.ledger[state.ledger];
  const works = ledger.works.map(({ name }, k) => ({ name, colour: GREY(), dash: k ? DASH_WORK : [8, 3] }));
  const terms = ledger.terms.map(({ name }, k) => ({
    name, colour: term(k), dash: TERM_DASHES[k % TERM_DASHES.length], filled: ledger.stacked }));
  return [{ name: "total", colour: css("--ink"), dash: [] }, ...terms.reverse(), ...works]; // from the top down
}

function oneWay() {
  const two = DATA.y[DATA.reference] || [];
  const curve = (name, line) => (values, k) => ({
    type: "scatter", mode: "lines", name, x: DATA.t.slice(0, values.length), y: values, line,
    hovertemplate: `${several(DATA.coordinates.length) ? DATA.coordinates[k] + " " : ""}%{y:.5g}`,
  });
  const traces = [
    ...two.map(curve("with mass", { color: css("--ink"), width: 3 })),
    ...DATA.one_way.y.map(curve("m = 0", { color: css("--pulled"), width: 2, dash: dashes([6, 4]) })),
  ];
  return { traces, layout: layout(timeAxis(), axis(DATA.labels.y), { annotations: namesAtEnd(DATA.coordinates, [two, DATA.one_way.y]) }) };
}

const oneWayKeys = () => [
  { name: "with the mass of the bridges (two-way)", colour: css("--ink"), dash: [] },
  { name: "without it (one-way, m = 0)", colour: css("--pulled"), dash: [6, 4] },
];

/** Move the line that marks the time, an element above the chart: plotly would need twenty times as long to draw it. */
function moveCursor(chart, position) {
  const [from, to] = chart.div.layout.xaxis.range;
  const share = (timeAt(position) - from) / (to - from);
  chart.line.hidden = !(share >= 0 && share <= 1);
  chart.line.style.transform = `translateX(${chart.plot.left + share * chart.plot.width}px)`;
}

/** Where the chart's axes are, within its element. */
function measurePlot(chart) {
  const [outer, inner] = [chart.div, chart.div.querySelector(".nsewdrag")].map((element) => element.getBoundingClientRect());
  chart.plot = { left: inner.left - outer.left, width: inner.width };
  Object.assign(chart.line.style, { top: `${inner.top - outer.top}px`, height: `${inner.height}px` });
  moveCursor(chart, clock.position);
}

function makeChart(id, build) {
  const div = byId(id);
  const chart = { div, seen: true };
  chart.draw = () => {
    const { traces, layout } = build(clock.position);
    Plotly.react(div, traces, layout, CONFIG);
  };
  new IntersectionObserver(([entry]) => { chart.seen = entry.isIntersecting; }).observe(div);
  charts.push(chart);
  chart.draw();
  return chart;
}

/** A chart over time, with a line at the clock's. */
function addChart(id, build) {
  if (!byId(id)) return;
  const chart = makeChart(id, build);
  chart.line = document.createElement("div");
  chart.line.className = "cursor";
  chart.div.after(chart.line);
  chart.div.on("plotly_afterplot", () => measurePlot(chart));
  measurePlot(chart);
  watch((position) => { if (chart.seen || !clock.playing) moveCursor(chart, position); });
}

/** A chart of one time, drawn anew as the clock goes, but no more than half the time is spent on that. */
function addLiveChart(id, build) {
  const chart = makeChart(id, build);
  let next = 0;
  watch(() => {
    const now = performance.now();
    if (clock.playing && (!chart.seen || now < next)) return;
    chart.draw();
    next = now + Math.max(33, 2 * (performance.now() - now));
  });
}

const drawAll = () => charts.forEach((chart) => chart.draw());
