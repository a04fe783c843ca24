// The events of the faces: those of the last hour where there is a history, and what has come since.

import { ask } from "./connection.js";
import { lasting } from "./timeline.js";

const KEPT = 200;

const TOLD = {
  face_appeared: () => "came",
  face_left: (event) => `left after ${lasting(event.duration_s)}`,
  emotion_changed: (event) => {
    const now = event.to ?? "unsure";
    return event.from ? `${now}, after ${lasting(event.duration_s)} of ${event.from}` : now;
  },
};

export class Log {
  constructor(list) {
    this.list = list;
    this.events = new Map(); // by what they are, so that none is there twice
    this.camera = null;
    this.several = false;
  }

  async askHistory() {
    const answer = await ask("history?from=-1h").catch(() => ({ events: [] }));
    for (const event of answer.events) this.keep(event);
    this.draw();
  }

  note(event) {
    this.keep(event);
    this.draw();
  }

  /** Show the events of a camera; of all where it is null. */
  follow(camera) {
    this.camera = camera;
    this.draw();
  }

  keep(event) {
    this.events.set(keyOf(event), event);
  }

  draw() {
    const all = [...this.events.values()].sort((a, b) => b.t - a.t);
    const newest = all.slice(0, KEPT);
    for (const event of all.slice(KEPT)) this.events.delete(keyOf(event));
    const shown = newest.filter((event) => !this.camera || event.source === this.camera.source);
    this.list.replaceChildren(...shown.map((event) => this.item(event)));
  }

  item(event) {
    const item = document.createElement("li");
    const time = item.appendChild(document.createElement("time"));
    time.textContent = new Date(1000 * event.t).toLocaleTimeString([], { hour12: false });
    const camera = this.several && !this.camera ? `${event.source} ` : "";
    item.append(` ${camera}#${event.id} ${(TOLD[event.event] ?? (() => event.event))(event)}`);
    return item;
  }
}

function keyOf(event) {
  return [event.source, event.t, event.id, event.event].join(" ");
}
