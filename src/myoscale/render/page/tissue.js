// The page of a run in space: bridges at the chosen point, the forces of what holds the tissue; then everything starts.

const { components: COMPONENTS, cells: CELLS } = DATA.population;
const HEIGHTS = parts(floats(DATA.population.height), COMPONENTS * CELLS); // frame after frame, point after point
const COUNT = TISSUE.kept.vertex.length;
const RATES = DATA.population.rates;
if (RATES && RATES.points.length === 1) RATES.points = Array(COUNT).fill(RATES.points[0]); // the same everywhere

function densities(position) {
  const i = Math.min(Math.floor(position), DATA.frames.length - 1);
  const of = (frame) => HEIGHTS[frame * COUNT + state.point];
  const height = between([of(i), of(Math.min(i + 1, DATA.frames.length - 1))], position - i);
  const { x: [low, high], top } = DATA.population;
  const width = (high - low) / CELLS;
  const edges = Array.from({ length: CELLS }, (_, k) => [low + k * width, low + (k + 1) * width]).flat();
  const steps = parts(height, CELLS).map((each, c) => ({
    type: "scatter", mode: "lines", name: COMPONENTS > 1 ? `x${"₁₂₃"[c]}` : "bridges", x: [low, ...edges, high], hoverinfo: "skip",
    y: [0, ...Array.from(each, (value) => [value, value]).flat(), 0], fill: "tozeroy", fillcolor: rgba(term(c), 0.28), line: { color: term(c), width: 2, dash: dashes(c ? TERM_DASHES[c] : []) },
  }));
  const behind = RATES ? { yaxis2: axis(DATA.labels.rates, { overlaying: "y", side: "right", range: [0, RATES.top], nticks: 5, showgrid: false }) } : {};
  return {
    traces: [...(RATES ? rateTraces() : []), ...steps],
    layout: layout(axis(DATA.labels.x, { range: [low, high], nticks: 7 }), axis(RATES ? DATA.labels.attached_density : DATA.labels.density, { range: [0, 1.06 * top], nticks: 6 }),
      { hovermode: false, ...behind }),
  };
}

function densityKeys() {
  const names = COMPONENTS > 1 ? Array.from({ length: COMPONENTS }, (_, c) => `x${"₁₂₃"[c]}`) : [RATES ? "attached heads" : "bridges"];
  return [...names.map((name, c) => ({ name, colour: term(c), dash: c ? TERM_DASHES[c] : [], filled: true })), ...(RATES ? rateLines() : [])];
}

function reactions() {
  const traces = DATA.reactions.map(({ name, values }, k) => ({
    type: "scatter", mode: "lines", name, x: DATA.t, y: values, line: termLine(k), hovertemplate: `%{y:.4g}` }));
  return { traces, layout: layout(timeAxis(), axis(DATA.labels.force)) };
}

const reactionKeys = () => DATA.reactions.map(({ name }, k) => ({ name, colour: term(k), dash: TERM_DASHES[k % TERM_DASHES.length] }));

/** The numbers of the chosen point. */
function sayPoint(position) {
  const k = state.point;
  const { values, reference, depth } = TISSUE.kept;
  for (const name of Object.keys(values)) {
    const [now] = [at(values[name].map((frame) => frame[k]), position)];
    byId(`now-${name}`).textContent = now === null || Number.isNaN(now) ? "–" : short(now);
  }
  const place = reference[k].slice(0, TISSUE.dim).map(short).join(", ");
  byId("where").textContent = `Point ${DATA.points[k]} of ${DATA.count}, at (${place}) in the reference${FLAT ? "" : `, ${short(depth[k])} from the surface's nearest vertex`}.`;
}

function start() {
  OWN_LEGENDS.push(["bridges", densityKeys], ["reactions", reactionKeys]);
  startTheme();
  startChoices();
  drawLegends();
  startSurface();
  addLiveChart("bridges", densities);
  for (const name of ["attached", "atp"]) addChart(name, cycling(name));
  addChart("reactions", reactions);
  addChart("energy", energy);
  addChart("balance", balance);
  watch(sayPoint);
  byId("point").addEventListener("change", () => sayPoint(clock.position));
  startClock();
}

start();
