// When a camera saw which label: from the history where there is one, and from what has come since.

import { ask } from "./connection.js";
import { cleared, colourOf, drawnWith, setText } from "./drawing.js";

const SPANS = [
  { name: "5 min", seconds: 300, step: 1 },
  { name: "1 hour", seconds: 3600, step: 10 },
  { name: "1 day", seconds: 86400, step: 240 },
];
const MOST_LANES = 12; // of more classes, those that were the label for longest
const LOWEST = 0.15; // height of a label's bar, as a share of its lane, where it was hardly there
const KEPT = 600; // seconds of what has come …
const ASK_AGAIN = 300; // … and seconds after which the history is asked again
const SHORTEST = 60; // seconds shown at least while nothing older is known
const LONGEST = 1; // seconds that a label lasts at most without another record

export class Timeline {
  constructor(place, scale, spans) {
    this.canvas = place.querySelector("canvas");
    this.names = place.querySelector(".lane-names");
    this.begin = scale.firstElementChild;
    this.spans = spans;
    this.seen = new Map(); // by camera: seconds {t, labels}, the oldest first
    this.last = new Map(); // by camera: time of the last record
    this.classes = [];
    this.stored = false;
    this.forget();
  }

  /** Offer an hour and a day where there is a history, and begin with the hour. */
  offer(stored) {
    this.stored = stored;
    this.span = SPANS[stored ? 1 : 0];
    this.buttons = SPANS.map((span) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = span.name;
      button.addEventListener("click", () => this.follow(this.camera, span));
      return button;
    });
    this.spans.replaceChildren(...(stored ? this.buttons : []));
  }

  note(camera, record) {
    const { name } = camera;
    const before = this.last.get(name) ?? record.t;
    this.last.set(name, record.t);
    if (record.t < before) this.seen.delete(name); // another round of a recording, or the clock was set back
    if (!this.seen.has(name)) this.seen.set(name, []);
    const seconds = this.seen.get(name);
    const t = Math.floor(record.t);
    if (seconds.at(-1)?.t !== t) seconds.push({ t, labels: {} });
    while (seconds[0].t < t - KEPT) seconds.shift();
    const lasted = Math.min(Math.max(record.t - before, 0), LONGEST);
    for (const face of record.faces) {
      if (face.probabilities) this.classes = Object.keys(face.probabilities);
      const label = face.emotion ?? "none";
      seconds.at(-1).labels[label] = (seconds.at(-1).labels[label] ?? 0) + lasted;
    }
  }

  forget() {
    [this.past, this.until, this.asked] = [[], 0, 0];
  }

  /** Show a camera, over a span of time. */
  async follow(camera, span = this.span) {
    if (this.camera !== camera || this.span !== span) this.forget();
    [this.camera, this.span, this.asked] = [camera, span, performance.now() / 1000];
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", SPANS[i] === span));
    if (!this.stored) return;
    const question = `history?from=-${span.seconds}s&step=${span.step}&camera=${encodeURIComponent(camera.source)}`;
    const answer = await ask(question).catch(() => null);
    if (!answer || this.camera !== camera || this.span !== span) return; // or asked for something else meanwhile
    [this.past, this.until, this.asked] = [answer.steps, answer.to, performance.now() / 1000];
    this.draw();
  }

  /** The newest time: of the last record, or the server's while there are none. */
  get now() {
    return Math.max(this.last.get(this.camera.name) ?? 0, this.until && this.until + this.passed);
  }

  /** Seconds since the history was asked. */
  get passed() {
    return performance.now() / 1000 - this.asked;
  }

  /** Seconds shown: the span, or without a history what has been seen since the page was opened. */
  get seconds() {
    if (this.stored) return this.span.seconds;
    const seen = this.now - (this.seen.get(this.camera.name)?.[0].t ?? this.now);
    return Math.min(Math.max(seen, SHORTEST), this.span.seconds);
  }

  /** Steps of the span, {t, labels}: the stored ones, and what has come since. */
  get steps() {
    const { step } = this.span;
    const steps = new Map(this.past.map(({ t, labels }) => [t, { t, labels: { ...labels } }]));
    for (const { t, labels } of this.seen.get(this.camera.name) ?? []) {
      if (t < Math.floor(this.until)) continue;
      const at = t - (t % step);
      if (!steps.has(at)) steps.set(at, { t: at, labels: {} });
      for (const [name, s] of Object.entries(labels)) steps.get(at).labels[name] = (steps.get(at).labels[name] ?? 0) + s;
    }
    return [...steps.values()];
  }

  draw() {
    if (!this.camera || !this.canvas.clientWidth) return;
    if (this.stored && this.passed > ASK_AGAIN) this.follow(this.camera);
    const { step } = this.span;
    const seconds = this.seconds;
    const begin = this.now - seconds;
    setText(this.begin, `${seconds === this.span.seconds ? this.span.name : lasting(seconds)} ago`);
    const steps = this.steps.filter(({ t }) => t + step > begin);
    const totals = {};
    for (const { labels } of steps) for (const [name, s] of Object.entries(labels)) totals[name] = (totals[name] ?? 0) + s;
    const lanes = this.lanes(totals);
    const { pen, w, h } = cleared(this.canvas);
    const [lane, second] = [h / lanes.length, w / seconds];
    const [line, rim] = drawnWith(this.canvas);
    lanes.forEach((name, i) => {
      const floor = Math.round((i + 1) * lane) - 1;
      pen.fillStyle = line;
      pen.fillRect(0, floor, w, 1);
      for (const { t, labels } of steps) {
        if (!labels[name]) continue;
        const share = labels[name] / Object.values(labels).reduce((a, b) => a + b);
        const height = Math.max(share, LOWEST) * (lane - 4);
        const [x, end] = [Math.floor((t - begin) * second), Math.ceil((t + step - begin) * second)];
        pen.fillStyle = colourOf(name);
        pen.fillRect(x, floor - height, end - x, height);
        pen.fillStyle = rim; // light colours on a light ground want an edge
        pen.fillRect(x, floor - height - 1, end - x, 1);
      }
    });
    this.describe(totals);
  }

  /** Names of the lanes, written beside them. */
  lanes(totals) {
    const known = this.classes.length ? this.classes : Object.keys(totals).filter((name) => name !== "none").sort();
    const longest = [...known].sort((a, b) => (totals[b] ?? 0) - (totals[a] ?? 0)).slice(0, MOST_LANES);
    const lanes = known.length ? known.filter((name) => longest.includes(name)) : [""];
    if (this.names.childElementCount !== lanes.length) {
      this.names.replaceChildren(...lanes.map(() => document.createElement("span")));
    }
    lanes.forEach((name, i) => setText(this.names.children[i], name));
    return lanes;
  }

  /** The same in words, for those who ask. */
  describe(totals) {
    const named = Object.entries(totals).filter(([name, s]) => name !== "none" && s >= 0.5);
    const words = named.sort((a, b) => b[1] - a[1]).map(([name, s]) => `${name} ${lasting(s)}`);
    const span = this.stored ? this.span.name.replace("1 ", "") : lasting(this.seconds);
    const text = `The last ${span}: ${words.join(", ") || "nothing sure"}`;
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
  }
}

export function lasting(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
