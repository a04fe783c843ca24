// The events of the faces: those of the last hour where there is a history, and what has come since; with the snapshots
// that rules have taken.

import { ask } from "./connection.js";
import { setText } from "./drawing.js";
import { lasting } from "./timeline.js";

const KEPT = 200;

const TOLD = {
  face_appeared: () => "came",
  face_left: (event) => `left after ${lasting(event.duration_s)}`,
  emotion_changed: (event) => {
    const now = event.to ?? "unsure";
    return event.from ? `${now}, after ${lasting(event.duration_s)} of ${event.from}` : now;
  },
  snapshot: (event) => event.rule,
};

export class Log {
  /** `dialog` shows a snapshot large. */
  constructor(list, dialog) {
    this.list = list;
    this.dialog = dialog;
    this.events = new Map(); // by what they are, so that none is there twice
    this.snapshots = new Map(); // by their addresses
    this.lines = new Map(); // by the key of their events
    this.camera = null;
    this.several = false;
  }

  async askHistory() {
    const answer = await ask("history?from=-1h").catch(() => ({ events: [], snapshots: [] }));
    for (const event of answer.events) this.events.set(keyOf(event), event);
    for (const snapshot of answer.snapshots) this.keepSnapshot(snapshot);
    this.draw();
  }

  note(event) {
    this.events.set(keyOf(event), event);
    this.draw();
  }

  noteSnapshot(snapshot) {
    this.keepSnapshot(snapshot);
    this.draw();
  }

  keepSnapshot(snapshot) {
    if (!this.snapshots.has(snapshot.picture)) this.snapshots.set(snapshot.picture, snapshot);
  }

  /** Show the events of a camera; of all where it is null. */
  follow(camera) {
    this.camera = camera;
    this.draw();
  }

  draw() {
    for (const known of [this.events, this.snapshots]) keepNewest(known);
    const entries = [...this.entries().values()].sort((a, b) => b.event.t - a.event.t);
    const shown = entries.filter(({ event }) => !this.camera || event.source === this.camera.source);
    const lines = new Map(shown.map((entry) => [keyOf(entry.event), this.line(entry)]));
    this.lines = lines;
    put(this.list, [...lines.values()]);
  }

  /** Events and their snapshots. A snapshot belongs to the last event of its face, or stands alone. */
  entries() {
    const entries = new Map([...this.events].map(([key, event]) => [key, { event, snapshots: [] }]));
    for (const snapshot of this.snapshots.values()) {
      const event = this.eventOf(snapshot) ?? standingAlone(snapshot);
      const key = keyOf(event);
      if (!entries.has(key)) entries.set(key, { event, snapshots: [] });
      entries.get(key).snapshots.push(snapshot);
    }
    return entries;
  }

  eventOf({ t, camera, face }) {
    const before = [...this.events.values()].filter((one) => one.source === camera && one.id === face && one.t <= t);
    return before.reduce((a, b) => (a && a.t > b.t ? a : b), null);
  }

  line({ event, snapshots }) {
    const line = this.lines.get(keyOf(event)) ?? newLine(event);
    const camera = this.several && !this.camera ? `${event.source} ` : "";
    const face = event.id === null ? "" : `#${event.id} `;
    const text = `${camera}${face}${(TOLD[event.event] ?? (() => event.event))(event)}`;
    setText(line.querySelector("span"), text);
    for (const snapshot of snapshots) {
      snapshot.thumbnail ??= this.thumbnail(snapshot.picture, `${timeOf(snapshot.t)} ${text}`);
      if (snapshot.thumbnail.parentNode?.parentNode !== line) line.lastElementChild.append(snapshot.thumbnail);
    }
    return line;
  }

  thumbnail(picture, title) {
    const button = document.createElement("button");
    button.type = "button";
    const image = button.appendChild(document.createElement("img"));
    image.alt = `Snapshot, ${title}`;
    image.loading = "lazy"; // of a long log, those that are looked at
    image.src = `/api/v1/snapshots/${picture}`;
    const gone = () => (button.hidden = true); // removed by age or size, or not for this viewer
    image.addEventListener("error", gone);
    button.addEventListener("click", () => this.enlarge(image.src, title, gone));
    return button;
  }

  enlarge(address, title, gone) {
    const image = this.dialog.querySelector("img");
    image.onerror = () => {
      this.dialog.close();
      gone();
    };
    image.src = address;
    image.alt = `Snapshot, ${title}`;
    setText(this.dialog.querySelector("h2"), title);
    this.dialog.showModal();
  }
}

function keyOf(event) {
  return [event.source, event.t, event.id, event.event].join(" ");
}

function standingAlone({ t, camera, face, rule }) {
  return { event: "snapshot", t, source: camera, id: face, rule };
}

function keepNewest(known) {
  const oldest = [...known].sort(([, a], [, b]) => a.t - b.t).slice(0, -KEPT);
  for (const [key] of oldest) known.delete(key);
}

function timeOf(t) {
  return new Date(1000 * t).toLocaleTimeString([], { hour12: false });
}

function newLine(event) {
  const line = document.createElement("li");
  line.appendChild(document.createElement("time")).textContent = timeOf(event.t);
  line.append(" ", document.createElement("span"), document.createElement("div"));
  return line;
}

/** Show the lines; those that are there already stay, with the focus and the picture that they have. */
function put(list, lines) {
  for (const old of [...list.children]) if (!lines.includes(old)) old.remove();
  lines.forEach((line, i) => {
    if (list.children[i] !== line) list.insertBefore(line, list.children[i] ?? null);
  });
}
