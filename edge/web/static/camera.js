// One camera: its picture, its state, its main label, and what is known of its faces.

import { setText, sure, told, variableOf } from "./drawing.js";
import { Picture } from "./picture.js";

const PAUSES = { switch: "Paused", hours: "Off at this time of day" };

const STATES = {
  connecting: () => "Connecting…",
  live: () => "Live",
  paused: (reasons) => PAUSES[reasons?.includes("hours") ? "hours" : "switch"],
  stalled: (seconds) => `No frame for ${Math.round(seconds)} s`,
  ended: (one) => (one ? "This camera has ended" : "The run has ended"),
  gone: () => "The run has ended, waiting for the next",
  lost: () => "Connection lost, trying again",
  full: () => "Too many viewers, trying again",
};

export class Camera {
  /** `on` is called with the camera when its state has changed. */
  constructor(name, template, on) {
    this.name = name;
    this.node = template.content.firstElementChild.cloneNode(true);
    this.find = (part) => this.node.querySelector(`.${part}`);
    this.picture = new Picture(this.find("picture"));
    this.state = "connecting";
    this.text = STATES.connecting();
    this.newest = null;
    this.stats = null;
    this.main = null;
    this.on = on;
    this.node.dataset.camera = name;
    setText(this.find("camera-name"), name);
    this.find("picture").setAttribute("aria-label", `Picture of ${name || "the camera"}, with a box about each face`);
    this.find("choose").setAttribute("aria-label", `Enlarge ${name}`);
  }

  /** Name in the history and in records. */
  get source() {
    return this.name || this.newest?.source || this.stats?.source || "";
  }

  get paused() {
    return this.stats?.paused_by?.includes("switch") ?? false;
  }

  enter(state, detail) {
    if (state === "live" && this.full) state = "full"; // records come, but no pictures
    const text = STATES[state](detail);
    const shown = state === "live" && this.picture.bitmap !== null;
    setText(this.find("notice"), text);
    this.find("notice").hidden = shown;
    this.find("screen").toggleAttribute("data-dim", state !== "live");
    this.node.dataset.state = state;
    const changed = text !== this.text;
    [this.state, this.text] = [state, text];
    if (changed) this.on(this);
  }

  /** Whether the record is of the same run as the one before. */
  note(record) {
    const follows = !this.newest || record.seq >= this.newest.seq;
    if (!follows) this.picture.forget();
    this.newest = record;
    this.main = mainOf(record.faces, this.main);
    this.picture.note(record);
    if (this.state !== "live") this.enter("live");
    return follows;
  }

  noteStats(stats) {
    this.stats = stats;
    if (stats.paused_by.length) this.blank(); // also one that has ended
    if (stats.state === "paused") this.enter("paused", stats.paused_by);
    else if (stats.state === "stalled") this.enter("stalled", stats.idle_s);
    else if (stats.state === "ended") this.end();
    else this.enter(stats.state === "running" ? "live" : "connecting");
  }

  end() {
    this.enter("ended", this.name);
  }

  lost() {
    this.enter(this.state === "ended" || this.state === "gone" ? "gone" : "lost");
  }

  async show(...of) {
    if (this.state === "paused") return; // sent before the pause
    await this.picture.show(...of);
    if (this.state === "paused") this.blank(); // it began while this one was decoded
    this.full = false;
    if (this.state === "live" || this.state === "full") this.enter("live"); // takes the notice away
  }

  tooMany() {
    this.full = true;
    this.enter("full");
  }

  blank() {
    this.picture.blank();
    this.newest = this.main = null;
  }

  drawNow() {
    const { main } = this;
    this.find("now").dataset.emotion = main ? (main.emotion ?? "unsure") : "none";
    this.find("now").style.setProperty("--colour", main ? variableOf(main.emotion) : "var(--card)");
    setText(this.find("now-emotion"), main ? told(main) : "no face");
    setText(this.find("now-confidence"), main ? sure(main) : "");
  }
}

const LARGER = 1.2; // another face becomes the main one when it is so much larger

/** The largest face; the one that was it stays it while another is hardly larger. */
function mainOf(faces, before) {
  const size = (face) => face.box[2] * face.box[3];
  const largest = faces.reduce((a, b) => (a && size(a) >= size(b) ? a : b), null);
  const same = before && faces.find((face) => face.id === before.id);
  return same && size(largest) < LARGER * size(same) ? same : largest;
}
