// The mechanical picture: filaments slide past each other, and bridges between them span their extensions, to scale.
//
// In each element a thick filament starts at the left node; thin filaments above and below it end at the right node, from which
// bridge k sits b_k away. Its other end is sign · X_k further on. Lengths that nothing fixes (how long filaments are) are
// chosen once, so that nothing ever leaves its place.

const PICTURE = DATA.picture;
const picture = PICTURE && { canvas: byId("picture"), geometry: null };

const extremes = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

/** Lengths in the units of y, from everything that happens in the run. */
function pictureGeometry() {
  const elements = PICTURE.q.map((q, e) => {
    const reach = extremes(PICTURE.x[e].flatMap((x) => extremes(x.map((value, f) => q[f] + PICTURE.sign * value))));
    return { q: extremes(q), reach };
  });
  const span = Math.max(...elements.map(({ q, reach }) => Math.max(reach[1] - reach[0], q[1] - q[0]))) || 1;
  const filament = 1.6 * span;
  const margin = 0.12 * span;
  for (const element of elements) {
    element.bare = Math.max(element.reach[1] - element.q[0], 0) + margin; // of the thin filament, beside its node
    element.rest = element.bare + filament + margin - Math.min(element.reach[0], element.q[0]); // what is added to q
    element.thick = element.rest - element.bare + element.reach[1] + margin; // length of the thick filament
  }
  const total = elements.reduce((sum, { rest, q }) => sum + rest + q[1], 0);
  const fullest = Math.max(...PICTURE.x.flat(2).map(Math.abs)) || 1;
  const strongest = Math.max(...PICTURE.force.flat().map((value) => Math.abs(value ?? 0))) || 1;
  return { elements, filament, total, fullest, strongest };
}

/** Nodes at a position of the clock, the left wall first. */
function nodesAt(position) {
  const nodes = [0];
  picture.geometry.elements.forEach(({ rest }, e) => nodes.push(nodes[e] + rest + at(PICTURE.q[e], position)));
  return nodes;
}

function drawPicture(position) {
  const shown = Math.min(position, PICTURE.q[0].length - 1); // a run that stopped stays where it was
  const { canvas, geometry } = picture;
  const pen = canvas.getContext("2d");
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const wall = 16;
  const arrow = Math.min(60, 0.1 * width); // of the strongest force; there is room for it on the right
  const scale = (width - wall - arrow - 12) / geometry.total;
  const view = { pen, width, height, scale, arrow, x: (length) => wall + length * scale, middle: height * 0.42, lane: height * 0.27 };
  const nodes = nodesAt(shown);
  drawStart(view, nodesAt(0));
  geometry.elements.forEach((element, e) => drawElement(view, element, e, nodes, shown));
  drawWall(view, view.x(0), -1);
  nodes.slice(1).forEach((node, e) => (PICTURE.held && e === nodes.length - 2 ? drawWall(view, view.x(node), 1) : drawMass(view, view.x(node), e, shown)));
  drawScale(view);
  if (width > 700 && PICTURE.shown === 1) drawNames(view, nodes);
}

function line(pen, points, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

/** Where the masses were at the start. */
function drawStart({ pen, x, middle, lane }, nodes) {
  pen.setLineDash([3, 4]);
  nodes.slice(1).forEach((node) => line(pen, [[x(node), middle - 1.4 * lane], [x(node), middle + 1.75 * lane]], css("--muted"), 1));
  pen.setLineDash([]);
}

function drawElement(view, element, e, nodes, position) {
  const { pen, x, scale, middle, lane } = view;
  const [left, right] = [nodes[e], nodes[e + 1]];
  drawSpring(view, x(left), x(right), middle + 1.55 * lane);
  drawBridges(view, element, e, right, position);
  pen.lineCap = "round";
  line(pen, [[x(left), middle], [x(left + element.thick), middle]], css("--filament"), Math.max(7, lane * 0.14));
  const tip = x(right - element.bare - picture.geometry.filament) - 0.02 * scale;
  for (const side of [-1, 1]) line(pen, [[tip, middle + side * lane], [x(right), middle + side * lane]], css("--thin"), 3);
  pen.lineCap = "butt";
}

function drawBridges({ pen, x, scale, middle, lane }, element, e, right, position) {
  const { filament, fullest } = picture.geometry;
  const all = PICTURE.x[e];
  const count = Math.min(all.length, 2 * Math.max(12, Math.floor((filament * scale) / 7)));
  const [pulled, pushed, thick] = [css("--pulled"), css("--pushed"), Math.max(3.5, lane * 0.07)];
  for (let k = 0; k < count; k++) {
    const extension = at(all[k], position);
    const side = k % 2 ? 1 : -1;
    const foot = right - element.bare - (filament * (k + 0.5)) / count;
    const [x0, y0] = [x(foot), middle + side * (lane - 1)];
    const [x1, y1] = [x(foot + PICTURE.sign * extension), middle + side * thick];
    pen.globalAlpha = 0.35 + 0.6 * Math.min(1, Math.abs(extension) / fullest);
    pen.setLineDash(extension < 0 ? [4, 2] : []);
    line(pen, [[x0, y0], [x1, y1]], extension < 0 ? pushed : pulled, 1.4);
    pen.fillStyle = extension < 0 ? pushed : pulled;
    pen.beginPath();
    pen.ellipse(x0, y0 - side * 2, 2.6, 2, 0, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}

function drawSpring({ pen }, from, to, y) {
  const [turns, lead] = [PICTURE.shown > 1 ? 13 : 31, Math.min(14, 0.12 * Math.abs(to - from))];
  const step = (to - from - 2 * lead) / turns;
  const zigzag = Array.from({ length: turns }, (_, k) => [from + lead + (k + 0.5) * step, y + (k % 2 ? 6 : -6)]);
  line(pen, [[from, y], [from + lead, y], ...zigzag, [to - lead, y], [to, y]], css("--muted"), 1.5);
}

function drawWall({ pen, middle, lane }, x, side) {
  const [top, bottom] = [middle - 1.3 * lane, middle + 1.75 * lane];
  line(pen, [[x, top], [x, bottom]], css("--ink"), 3);
  for (let y = top + 6; y < bottom; y += 11) line(pen, [[x, y], [x + side * 9, y + 7]], css("--muted"), 1);
}

/** The mass at the right node, and the force of the bridges on it. */
function drawMass({ pen, arrow, middle, lane }, x, e, position) {
  pen.fillStyle = css("--ink");
  pen.beginPath();
  pen.roundRect(x - 5, middle - 1.3 * lane, 10, 3.05 * lane, 4);
  pen.fill();
  const force = at(PICTURE.force[e], position);
  if (force === null || !force) return;
  const y = middle - 1.42 * lane;
  const length = (arrow * force) / picture.geometry.strongest;
  const tip = x + length;
  const back = Math.sign(length) * Math.min(8, Math.abs(length));
  line(pen, [[x, y], [tip - back / 2, y]], css("--accent"), 3);
  pen.fillStyle = css("--accent");
  pen.beginPath();
  [[tip, y], [tip - back, y - 5], [tip - back, y + 5]].forEach(([a, b], k) => (k ? pen.lineTo(a, b) : pen.moveTo(a, b)));
  pen.fill();
}

/** What is what. */
function drawNames({ pen, x, middle, lane }, nodes) {
  const element = picture.geometry.elements[0];
  const left = x(0) + 14;
  pen.fillStyle = css("--muted");
  pen.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  pen.fillText("filament of the bridges", left, middle - 12);
  pen.fillText("passive tissue", left, middle + 1.55 * lane - 14);
  pen.fillText("filament of the tissue", x(nodes[1] - element.bare - picture.geometry.filament), middle - lane - 9);
}

/** A bar of round length. */
function drawScale({ pen, height, scale, x }) {
  const most = 110 / scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((digit) => digit * power).find((candidate) => candidate <= most);
  const y = height - 14;
  line(pen, [[x(0), y - 4], [x(0), y], [x(length), y], [x(length), y - 4]], css("--ink"), 1.5);
  pen.fillStyle = css("--ink");
  pen.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  pen.fillText(`${short(length)} [${DATA.labels.length}]`, x(length) + 8, y);
}

function sayNow(position) {
  const point = DATA.points[state.point];
  const e = point <= PICTURE.q.length ? point - 1 : 0;
  byId("now-name").textContent = DATA.count > 1 ? `stretch ${e + 1}` : "y";
  const shown = Math.min(position, PICTURE.q[0].length - 1);
  byId("now-t").textContent = short(timeAt(shown));
  byId("now-y").textContent = short(at(PICTURE.q[e], shown));
  byId("now-f").textContent = short(at(PICTURE.force[e], shown));
}

function startPicture() {
  if (!PICTURE) return;
  picture.geometry = pictureGeometry();
  const show = (position) => { drawPicture(position); sayNow(position); };
  watch(show);
  new ResizeObserver(() => show(clock.position)).observe(picture.canvas);
  charts.push({ draw: () => show(clock.position) });
}
