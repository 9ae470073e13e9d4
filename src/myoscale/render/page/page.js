// Legends, choices, light and dark.

const SVG = "http://www.w3.org/2000/svg";
const OWN_LEGENDS = [["energy", energyKeys], ["oneway", oneWayKeys], ["fan", fanKeys]];

/** A piece of line as the charts draw it. */
function swatch({ colour, dash, width = 2.5, filled = false, shade = 0 }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 34 10");
  svg.setAttribute("aria-hidden", "true");
  const add = (kind, values) => {
    const part = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(values)) part.setAttribute(name, value);
    svg.append(part);
  };
  if (shade) add("rect", { x: 0, y: 0, width: 34, height: 10, fill: colour, opacity: shade });
  if (filled) add("rect", { x: 0, y: 5, width: 34, height: 5, fill: colour, opacity: 0.35 });
  add("line", { x1: 0, x2: 34, y1: 5, y2: 5, stroke: colour, "stroke-width": width, "stroke-dasharray": dash.map((part) => part * 1.5).join(" ") });
  return svg;
}

function levelKey(level) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(!state.hidden.has(level.label)));
  button.title = "show or hide";
  const stopped = level.stopped === null ? "" : `, stopped at t = ${short(level.stopped)}`;
  button.append(swatch({ colour: colour(level), dash: level.dash, width: level.width }), level.label + (level.reference && several(DATA.levels.length) ? ", reference" : "") + stopped);
  button.addEventListener("click", () => {
    if (!state.hidden.delete(level.label)) state.hidden.add(level.label);
    const [legend, k] = [button.parentElement, [...button.parentElement.children].indexOf(button)];
    refresh();
    legend.children[k].focus();
  });
  return button;
}

function plainKey(key) {
  const item = document.createElement("span");
  item.className = "plain";
  item.append(swatch(key), key.name);
  return item;
}

function drawLegends() {
  for (const legend of document.querySelectorAll(".legend:not(.own)")) {
    const keys = DATA.levels.map(levelKey);
    if (legend.closest("#distance-card")) {
      keys.splice(0, keys.length, ...DATA.levels.filter((level) => level.label in DATA.distance).map(levelKey));
      if (DATA.one_way && !DATA.cycling) keys.push(plainKey({ name: "one-way, m = 0", colour: GREY(), dash: [], width: 1.5 }));
    }
    if (legend.closest("#residual-card")) {
      keys.splice(0, keys.length, ...DATA.levels.filter((level) => level.label in DATA.residual.levels).map(levelKey));
      if (DATA.residual.rounding) keys.push(plainKey({ name: "rounding", colour: GREY(), dash: [1, 1.5], width: 1.5 }));
    }
    if (legend.closest("#bridges-card")) keys.push(...rateLines().map(plainKey));
    legend.replaceChildren(...keys);
  }
  for (const [id, keys] of OWN_LEGENDS) {
    if (byId(id)) ownLegend(id).replaceChildren(...keys().map(plainKey));
  }
}

function ownLegend(id) {
  const found = byId(`${id}-card`).querySelector(".legend");
  if (found) return found;
  const legend = document.createElement("div");
  legend.className = "legend own";
  byId(id).parentElement.before(legend);
  return legend;
}

function refresh() {
  drawLegends();
  drawAll();
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").setAttribute("aria-pressed", String(name === "dark"));
}

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { setTheme(system.matches ? "dark" : "light"); refresh(); };
  setTheme(system.matches ? "dark" : "light");
  system.addEventListener("change", follow);
  byId("theme").addEventListener("click", () => {
    system.removeEventListener("change", follow); // the reader has chosen
    setTheme(dark() ? "light" : "dark");
    refresh();
  });
}

function startChoices() {
  const choose = (id, key, labels) => {
    const select = byId(id);
    for (const label of labels) select?.add(new Option(label, label, false, label === state[key]));
    select?.addEventListener("change", () => { state[key] = select.value; refresh(); });
  };
  choose("energy-select", "ledger", DATA.levels.map(({ label }) => label));
  if (DATA.fan) choose("fan-select", "fan", Object.keys(DATA.fan.levels));
  byId("point")?.addEventListener("change", (event) => { state.point = Number(event.target.value); refresh(); });
}
