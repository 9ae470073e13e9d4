// The deforming surface in space, or the whole tissue in the plane: a mesh coloured by a field, its edges, where it was, and a pin at the chosen point.

const TISSUE = DATA.tissue;
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
const floats = (text) => new Float32Array(bytes(text));
const parts = (array, size) => Array.from({ length: array.length / size }, (_, k) => array.subarray(k * size, (k + 1) * size));

const V = TISSUE.vertices;
const PLACES = parts(floats(TISSUE.places), 3 * V); // a frame: all x, all y, all z
const REFERENCE = floats(TISSUE.reference);
const TRIANGLES = parts(new Int32Array(bytes(TISSUE.triangles)), bytes(TISSUE.triangles).byteLength / 12);
const EDGES = new Int32Array(bytes(TISSUE.edges));
const FIELDS = Object.fromEntries(Object.entries(TISSUE.fields).map(([name, one]) => [name, { ...one, frames: parts(floats(one.values), V) }]));
const KEPT = parts(floats(TISSUE.kept.places), 3 * TISSUE.kept.vertex.length);
const FLAT = TISSUE.dim === 2;
const SIZE = TISSUE.high.map((high, k) => high - TISSUE.low[k]);
const LENGTH = Math.hypot(...SIZE);
state.field = Object.keys(FIELDS)[0];
const EYE = FLAT ? [0, 0, 2] : [0.75, -1.6, 0.75];
state.before = false;
state.point = firstPoint();

/** The value at a position of typed arrays, one a frame. */
function between(frames, position) {
  const i = Math.min(Math.floor(position), frames.length - 1);
  const s = position - i;
  return s > 0 && i + 1 < frames.length ? frames[i].map((value, k) => value + s * (frames[i + 1][k] - value)) : frames[i];
}

const axes3 = (places) => parts(places, V);

/** In space the point nearest to the reader about the middle of the longest side, in the plane the one nearest to the middle. */
function firstPoint() {
  const longest = SIZE.indexOf(Math.max(...SIZE));
  const towards = EYE.map((value, c) => (FLAT || c === longest ? 0 : value));
  const of = (place) => place.reduce((sum, value, c) => {
    const away = value - (TISSUE.high[c] + TISSUE.low[c]) / 2;
    return sum + away * towards[c] - (FLAT || c === longest ? Math.abs(away) : 0);
  }, 0);
  const all = TISSUE.kept.reference.map(of);
  return all.indexOf(Math.max(...all));
}

/** All vertices a little further out, so that lines along edges are in front of the faces. */
function lifted(places, by) {
  const [x, y, z] = axes3(places);
  if (FLAT) return Float32Array.from(places, (value, n) => (n < 2 * V ? value : value + by));
  const normal = new Float32Array(3 * V);
  const [i, j, k] = TRIANGLES;
  for (let n = 0; n < i.length; n++) {
    const [a, b] = [j[n], k[n]].map((m) => [x[m] - x[i[n]], y[m] - y[i[n]], z[m] - z[i[n]]]);
    const cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    for (const m of [i[n], j[n], k[n]]) cross.forEach((value, c) => { normal[c * V + m] += value; });
  }
  return places.map((value, n) => value + (by * normal[n]) / (Math.hypot(normal[n % V], normal[V + (n % V)], normal[2 * V + (n % V)]) || 1));
}

/** Lines along edges, with gaps. */
function wire(places, line, more = {}) {
  const all = axes3(places);
  const along = (k) => {
    const found = new Array((EDGES.length / 2) * 3).fill(null);
    for (let e = 0; e < EDGES.length / 2; e++) [found[3 * e], found[3 * e + 1]] = [all[k][EDGES[2 * e]], all[k][EDGES[2 * e + 1]]];
    return found;
  };
  return { type: "scatter3d", mode: "lines", x: along(0), y: along(1), z: along(2), line, hoverinfo: "skip", showlegend: false, ...more };
}

/** From the point to a knob outside of the surface. */
function pin(position) {
  const k = state.point;
  const foot = [0, 1, 2].map((c) => between(KEPT, position)[3 * k + c]);
  const places = axes3(between(PLACES, position));
  const vertex = places.map((all) => all[TISSUE.kept.vertex[k]]);
  const middle = places.map((all) => all.reduce((sum, value) => sum + value, 0) / V);
  let out = FLAT ? [0, 0, 1] : vertex.map((value, c) => value - foot[c]);
  if (!(Math.hypot(...out) > 1e-6 * LENGTH)) out = vertex.map((value, c) => value - middle[c]);
  const scale = (0.035 * LENGTH) / (Math.hypot(...out) || 1);
  const tip = (FLAT ? foot : vertex).map((value, c) => value + scale * out[c]);
  return {
    type: "scatter3d", mode: "lines+markers", name: "pin", x: [foot[0], tip[0]], y: [foot[1], tip[1]], z: [foot[2], tip[2]], hoverinfo: "skip", showlegend: false,
    line: { color: css("--ink"), width: 5 }, marker: { size: [0, 9], color: css("--pulled"), line: { color: css("--card"), width: 2 } },
  };
}

function space(k) {
  const margin = 0.04 * LENGTH;
  return {
    range: [TISSUE.low[k] - margin, TISSUE.high[k] + margin], title: { text: `${"xyz"[k]} [${DATA.labels.length}]`, font: { size: 12 } }, showbackground: false,
    gridcolor: css("--line"), zeroline: false, showspikes: false, nticks: 4, tickfont: { size: 11 }, ...(FLAT ? { tickangle: 0 } : {}), visible: !(FLAT && k === 2),
  };
}

function surface(position) {
  const places = between(PLACES, position);
  const [x, y, z] = axes3(places);
  const [i, j, k] = TRIANGLES;
  const field = FIELDS[state.field];
  const colorscale = field.colours.map((one, n) => [n / (field.colours.length - 1), one]);
  const mesh = {
    type: "mesh3d", name: "tissue", x, y, z, i, j, k, intensity: between(field.frames, position), colorscale, cmin: field.limits[0], cmax: field.limits[1],
    hoverinfo: "none", flatshading: FLAT, lighting: FLAT ? { ambient: 1, diffuse: 0, specular: 0 } : { ambient: 0.8, diffuse: 0.35, specular: 0.04, roughness: 0.9, fresnel: 0 },
    colorbar: { orientation: "h", x: 0.5, y: -0.02, yanchor: "top", len: 0.8, thickness: 12, outlinewidth: 0, tickfont: { size: 12 }, nticks: 5, title: { text: field.title, side: "bottom", font: { size: 13 } } },
  };
  const traces = [mesh, wire(lifted(places, 0.008 * LENGTH), { color: dark() ? "rgba(16,19,22,0.55)" : "rgba(255,255,255,0.6)", width: 2 }, { name: "edges" }), pin(position)];
  if (state.before) traces.push(wire(REFERENCE, { color: rgba(css("--grey"), 0.55), width: 1.5, dash: "dot" }, { name: "before" }));
  const room = SIZE.map((one) => one + 0.08 * LENGTH);
  const greatest = Math.max(...room);
  const { clientWidth, clientHeight } = byId("surface");
  const ratio = room.map((one) => (2.35 * Math.min(1, clientWidth / clientHeight) * one) / greatest);
  const xyz = ([x, y, z]) => ({ x, y, z });
  const camera = { eye: xyz(EYE), up: xyz(FLAT ? [0, 1, 0] : [0, 0, 1]), projection: { type: "orthographic" } };
  return {
    traces,
    layout: layout({}, {}, {
      margin: { l: 0, r: 0, t: 0, b: 64 }, hovermode: "closest", dragmode: undefined,
      scene: {
        uirevision: "keep", aspectmode: "manual", aspectratio: { x: ratio[0], y: ratio[1], z: ratio[2] }, camera,
        dragmode: FLAT ? "pan" : "turntable", xaxis: space(0), yaxis: space(1), zaxis: space(2),
      },
    }),
  };
}

/** The kept point nearest to a place, as the tissue is now. */
function nearestPoint(place) {
  const places = between(KEPT, clock.position);
  const apart = TISSUE.kept.vertex.map((_, k) => Math.hypot(...place.map((value, c) => value - places[3 * k + c])));
  return apart.indexOf(Math.min(...apart));
}

function choosePoint(k) {
  if (k === state.point) return;
  state.point = k;
  byId("point").value = k;
  refresh();
  sayPoint(clock.position);
}

function startSurface() {
  const select = byId("surface-select");
  for (const [name, { title }] of Object.entries(FIELDS)) select.add(new Option(title, name, false, name === state.field));
  select.addEventListener("change", () => { state.field = select.value; refresh(); });
  byId("point").value = state.point;
  addLiveChart("surface", surface);
  // Later, because plotly says it again for as long as it draws with the button down.
  byId("surface").on("plotly_click", ({ points: [one] }) => setTimeout(() => choosePoint(nearestPoint([one.x, one.y, one.z]))));
  const before = document.createElement("button");
  Object.assign(before, { type: "button", id: "before", title: "show or hide" });
  before.append(swatch({ colour: css("--grey"), dash: [1, 1.5], width: 1.5 }), "the tissue as it was");
  before.setAttribute("aria-pressed", String(state.before));
  before.addEventListener("click", () => {
    state.before = !state.before;
    before.setAttribute("aria-pressed", String(state.before));
    refresh();
  });
  ownLegend("surface").append(before);
}
