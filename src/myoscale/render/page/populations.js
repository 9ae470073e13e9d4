// Populations at the clock's time: densities, histograms and ticks on the line, maps and ellipses in the plane.

const RUG = 0.055; // the share of the axis that one row of ticks takes
const SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "x"];
const population = (level) => DATA.population.levels[level.label][state.point];

/** The middle of each cell and the density there. */
function densityCurve(one, position) {
  const [low, high, height] = [one.low, one.high, one.height].map((frames) => at(frames, position));
  if (height === null) return [[], []];
  const width = (high - low) / height.length;
  return [height.map((_, k) => low + (k + 0.5) * width), height];
}

function histogramSteps(one, position) {
  const [low, high, height] = [one.low, one.high, one.height].map((frames) => at(frames, position));
  if (height === null) return [[], []];
  const edge = (k) => low + (k * (high - low)) / height.length;
  return [
    [edge(0), ...height.flatMap((_, k) => [edge(k), edge(k + 1)]), edge(height.length)],
    [0, ...height.flatMap((value) => [value, value]), 0],
  ];
}

function bellCurve(one, position) {
  const [mean, std] = [at(one.mean, position), at(one.std, position)];
  if (mean === null) return [[], []];
  if (!(std > 0)) return [[mean, mean], [0, DATA.population.top]];
  const z = Array.from({ length: 121 }, (_, k) => -4.5 + 0.075 * k);
  return [z.map((value) => mean + std * value), z.map((value) => Math.exp((-value * value) / 2) / (Math.sqrt(2 * Math.PI) * std))];
}

function lineTraces(position) {
  let rugs = 0;
  return DATA.levels.map((level) => {
    const one = population(level);
    if (one.kind === "none") return trace(level, [], []);
    if (one.kind === "rug") {
      const x = at(one.x, position) || [];
      const y = x.map(() => -RUG * (rugs + 0.5) * DATA.population.top);
      rugs += 1;
      return trace(level, x, y, {
        mode: "markers", hoverinfo: "skip", marker: { symbol: "line-ns", size: 11, line: { color: colour(level), width: 1.5 } } });
    }
    if (one.kind === "histogram") {
      const [x, y] = histogramSteps(one, position);
      return trace(level, x, y, { fill: "tozeroy", fillcolor: rgba(colour(level), 0.16), line: { color: colour(level), width: 1.3 }, hoverinfo: "skip" });
    }
    const [x, y] = one.kind === "density" ? densityCurve(one, position) : bellCurve(one, position);
    return trace(level, x, y);
  });
}

function linePopulations(position) {
  const rugs = DATA.levels.filter((level) => population(level).kind === "rug").length;
  const { x, top, rates } = DATA.population;
  const behind = rates ? { yaxis2: axis(DATA.labels.rates, { overlaying: "y", side: "right", range: [0, rates.top], tickmode: "auto", nticks: 5, showgrid: false }) } : {};
  return {
    traces: [...rateTraces(), ...lineTraces(position)],
    layout: layout(
      axis(DATA.labels.x, { range: x, nticks: 7 }),
      axis(rates ? DATA.labels.attached_density : DATA.labels.density, { range: [-(RUG * rugs + (rugs ? 0.02 : 0)) * top, 1.06 * top], nticks: 6, zeroline: true, zerolinecolor: css("--line") }),
      { hovermode: false, ...behind },
    ),
  };
}

const RATE_DASHES = [[], [6, 4], [1.5, 2.5]];

/** The rates of the selected point, each with the line it is drawn with. */
function rateLines() {
  const { rates } = DATA.population;
  if (!rates) return [];
  const seen = { true: 0, false: 0 };
  return rates.points[state.point].map(({ name, attaches, rate }) => ({
    name, rate, width: 1.5, colour: css(attaches ? "--attach" : "--detach"), dash: RATE_DASHES[seen[attaches]++ % RATE_DASHES.length] }));
}

const rateTraces = () => rateLines().map(({ name, rate, colour, dash, width }) => ({
  type: "scatter", mode: "lines", name, x: DATA.population.rates.x, y: rate, yaxis: "y2", hoverinfo: "skip",
  line: { color: colour, width, dash: dashes(dash) } }));

function ellipse([mx, my], [xx, xy, yy]) {
  const [a, b] = [Math.sqrt(Math.max(xx, 0)), xx > 0 ? xy / Math.sqrt(xx) : 0]; // Cholesky
  const c = Math.sqrt(Math.max(yy - b * b, 0));
  const points = [1, 2].flatMap((size) => [
    ...Array.from({ length: 61 }, (_, k) => {
      const [cos, sin] = [Math.cos((k * Math.PI) / 30), Math.sin((k * Math.PI) / 30)];
      return [mx + size * a * cos, my + size * (b * cos + c * sin)];
    }),
    [null, null],
  ]);
  return [points.map((p) => p[0]), points.map((p) => p[1])];
}

function heatmap(level, one, position) {
  const [density, ends] = [at(one.density, position), at(one.ends, position)];
  const middles = (low, high, n) => Array.from({ length: n }, (_, k) => low + ((k + 0.5) * (high - low)) / n);
  return {
    type: "heatmap", name: level.label, visible: !state.hidden.has(level.label), hoverinfo: "skip", showscale: false, zmin: 0, zmax: 1000,
    x: middles(ends[0], ends[1], density.length), y: middles(ends[2], ends[3], density[0].length),
    z: density[0].map((_, j) => density.map((row) => row[j])),
    colorscale: [[0, rgba(colour(level), 0)], [1, rgba(colour(level), 0.85)]],
  };
}

function planeTraces(position) {
  const reached = DATA.levels.filter((level) => population(level).mean && at(population(level).mean, position) !== null);
  const shaded = reached.find((level) => population(level).density && !state.hidden.has(level.label));
  const traces = shaded ? [heatmap(shaded, population(shaded), position)] : [];
  for (const level of reached) {
    const one = population(level);
    if (!one.points) continue;
    const points = at(one.points, position);
    traces.push(trace(level, points.map((p) => p[0]), points.map((p) => p[1]), {
      mode: "markers", hoverinfo: "skip",
      marker: { color: rgba(colour(level), 0.55), size: 4, symbol: SYMBOLS[DATA.levels.indexOf(level) % SYMBOLS.length] } }));
  }
  for (const level of reached) {
    const [x, y] = ellipse(at(population(level).mean, position), at(population(level).covariance, position));
    traces.push(trace(level, x, y, { hoverinfo: "skip" }));
  }
  return traces;
}

function planePopulations(position) {
  const { x, y } = DATA.population;
  return {
    traces: planeTraces(position),
    layout: layout(
      axis(DATA.labels.x1, { range: x, nticks: 7 }),
      axis(DATA.labels.x2, { range: y, scaleanchor: "x", nticks: 7 }),
      { hovermode: false },
    ),
  };
}
