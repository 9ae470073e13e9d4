// One clock for the whole page. A position is a frame's number; between frames, which only playing reaches, all is interpolated.

const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const LAST = DATA.frames.length - 1;
const SECONDS = 14; // that the whole run takes when played
const clock = { position: 0, playing: false, started: 0, from: 0, watchers: [] };
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const mix = (a, b, s) => (Array.isArray(a) ? a.map((value, k) => mix(value, b[k], s)) : a + s * (b - a));

/** The value at a position of something that is known at frames, null where a level did not come that far. */
function at(frames, position) {
  if (position > frames.length - 1) return null;
  const i = Math.floor(position);
  return position === i ? frames[i] : mix(frames[i], frames[i + 1], position - i);
}

const timeAt = (position) => at(DATA.frames, position);
const short = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toString().replace("-", "−"));
const watch = (watcher) => clock.watchers.push(watcher);

function goTo(position) {
  clock.position = position;
  const says = `t = ${short(timeAt(position))}`;
  byId("time").value = Math.round(position);
  byId("time").setAttribute("aria-valuetext", says);
  byId("time-says").textContent = says;
  for (const watcher of clock.watchers) watcher(position);
}

function setPlaying(playing) {
  if (playing && LAST === 0) return;
  clock.playing = playing;
  byId("play").setAttribute("aria-pressed", String(playing));
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  if (!playing) return goTo(Math.round(clock.position)); // frames are what was computed
  clock.from = clock.position >= LAST ? 0 : clock.position;
  clock.started = performance.now();
  requestAnimationFrame(tick);
}

function tick(now) {
  if (!clock.playing) return;
  const passed = clock.from + (Math.max(0, now - clock.started) / 1000 / SECONDS) * LAST;
  const position = passed % (LAST + LAST / SECONDS / 2); // half a second's rest at the end
  const shown = Math.min(calm.matches ? Math.floor(position) : position, LAST);
  if (shown !== clock.position) goTo(shown);
  requestAnimationFrame(tick);
}

function startClock() {
  byId("play").addEventListener("click", () => setPlaying(!clock.playing));
  byId("time").addEventListener("input", (event) => {
    if (clock.playing) setPlaying(false);
    goTo(Number(event.target.value));
  });
  goTo(DATA.cycling ? Math.round(LAST / 2) : 0); // nothing is attached yet at the first
}
