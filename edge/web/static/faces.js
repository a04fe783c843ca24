// A row for each face with its label and its last minute; it opens to show the probabilities, if the face was ever read.

import { cleared, colourOf, drawnWith, percent, setText, sure, told, variableOf } from "./drawing.js";

const MINUTE = 60;
const BIN = 0.25; // seconds of a column of the minute
const GONE = 1; // seconds after which a face that is not seen is shown as gone …
const FORGOTTEN = 4; // … and after which its card is removed
const MOST_ROWS = 12; // of more classes, those that were most probable in the last minute

export class Faces {
  constructor(place, template) {
    this.place = place;
    this.template = template;
    this.cards = new Map();
    this.present = 0;
  }

  note(record) {
    this.time = record.t;
    this.present = record.faces.length;
    for (const face of record.faces) {
      if (!this.cards.has(face.id)) this.add(face);
      this.cards.get(face.id).note(face, record.t);
    }
  }

  add(face) {
    const card = new Card(this.template.content.firstElementChild.cloneNode(true), face);
    this.cards.set(face.id, card);
    const next = [...this.cards.values()].find((other) => other.id > face.id);
    this.place.insertBefore(card.node, next?.node ?? null);
  }

  forget() {
    for (const card of this.cards.values()) card.node.remove();
    this.cards.clear();
  }

  drawBars() {
    for (const card of this.cards.values()) card.drawBars(this.time, this.present === 1);
  }

  drawMinutes() {
    for (const [id, card] of this.cards) {
      if (this.time - card.seen > FORGOTTEN) {
        card.node.remove();
        this.cards.delete(id);
      } else card.drawMinute(this.time);
    }
  }
}

class Card {
  constructor(node, face) {
    this.node = node;
    this.id = face.id;
    this.names = []; // of the classes, known from its first reading on
    this.bins = [];
    this.find = (name) => node.querySelector(`.${name}`);
    this.minute = this.find("minute");
    this.strip = this.find("strip");
    this.opened = null; // as the user wants it; before that, only a single face is open
    node.querySelector("summary").addEventListener("click", () => (this.opened = !this.node.open));
    this.shown = []; // numbers of the classes that have a row
    this.rows = [];
  }

  learn(names) {
    this.names = names;
    this.shown = [...names.keys()].slice(0, MOST_ROWS);
    this.rows = this.shown.map((_, i) => this.row(i));
    this.minute.style.gridRow = `1 / span ${this.rows.length}`;
    this.find("scale").style.gridRow = this.rows.length + 1;
  }

  row(i) {
    const row = document.createElement("div");
    row.className = "row";
    const [label, bar, value] = ["name", "bar", "percent"].map((part) => {
      const cell = row.appendChild(document.createElement("span"));
      cell.className = part;
      cell.style.gridRow = i + 1;
      return cell;
    });
    bar.setAttribute("aria-hidden", "true");
    bar.appendChild(document.createElement("i"));
    this.minute.before(row);
    return { row, label, bar: bar.firstChild, value };
  }

  note(face, time) {
    if (time < this.seen) this.bins = []; // the clock was set back
    this.face = face;
    this.seen = time;
    if (face.probabilities && !this.names.length) this.learn(Object.keys(face.probabilities));
    const at = Math.floor(time / BIN);
    let bin = this.bins.at(-1);
    if (bin?.at !== at) this.bins.push((bin = { at, count: 0, sums: [] }));
    bin.emotion = face.emotion;
    if (!face.probabilities) return;
    bin.count += 1;
    this.names.forEach((name, i) => (bin.sums[i] = (bin.sums[i] ?? 0) + face.probabilities[name]));
  }

  drawBars(time, alone) {
    const { face } = this;
    const gone = time - this.seen > GONE;
    const open = this.opened ?? (alone && !gone);
    if (this.node.open !== open) this.node.open = open;
    this.node.toggleAttribute("data-gone", gone);
    this.node.toggleAttribute("data-unread", !face.probabilities);
    this.node.toggleAttribute("data-never-read", !this.names.length);
    setText(this.find("who"), gone ? `#${this.id}, gone` : `#${this.id}`);
    this.node.style.setProperty("--colour", variableOf(face.emotion));
    setText(this.find("emotion"), told(face));
    setText(this.find("confidence"), sure(face));
    this.shown.forEach((number, i) => {
      const name = this.names[number];
      const { row, label, bar, value } = this.rows[i];
      setText(label, name);
      bar.style.background = variableOf(name);
      row.toggleAttribute("data-shown", name === face.emotion);
      if (!face.probabilities) return;
      bar.style.setProperty("--p", face.probabilities[name]);
      setText(value, percent(face.probabilities[name]));
    });
  }

  /** Choose the classes that have a row, in their order, where there is no room for all. */
  choose() {
    if (this.names.length <= MOST_ROWS) return;
    const sums = this.names.map((_, i) => this.bins.reduce((sum, bin) => sum + mean(bin, i), 0));
    const ranked = [...this.names.keys()].sort((a, b) => sums[b] - sums[a]);
    this.shown = ranked.slice(0, MOST_ROWS).sort((a, b) => a - b);
  }

  drawMinute(time) {
    const first = Math.floor(time / BIN) - MINUTE / BIN + 1;
    while (this.bins.length && this.bins[0].at < first) this.bins.shift();
    this.choose();
    if (this.node.open) this.drawLanes(first);
    else this.drawStrip(first);
    this.describe();
  }

  /** The labels alone, in one line, for the closed row. */
  drawStrip(first) {
    const { pen, w, h } = cleared(this.strip);
    const step = (w * BIN) / MINUTE;
    for (const bin of this.bins) {
      pen.fillStyle = colourOf(bin.emotion);
      pen.fillRect((bin.at - first) * step, 0, step + 0.5, h);
    }
  }

  /** A lane for each row, beside its bar: how probable it was, and a block where it was the label.
   *
   * So the place tells what the colour tells. */
  drawLanes(first) {
    const { pen, w, h } = cleared(this.minute);
    const [lane, step] = [h / this.rows.length, (w * BIN) / MINUTE];
    const [line, rim] = drawnWith(this.node);
    this.shown.forEach((number, i) => {
      const name = this.names[number];
      const floor = Math.round((i + 1) * lane) - 1;
      pen.fillStyle = line;
      pen.fillRect(0, floor, w, 1);
      pen.fillStyle = colourOf(name);
      pen.globalAlpha = 0.45;
      for (const bin of this.bins) {
        const height = mean(bin, number) * (lane - 2);
        pen.fillRect((bin.at - first) * step, floor - height, step + 0.5, height);
      }
      pen.globalAlpha = 1;
      pen.strokeStyle = rim; // light colours on a light ground want an edge
      for (const [from, to] of spans(this.bins, name)) {
        const block = [(from - first) * step, floor - lane + 3, (to - from) * step, lane - 4];
        pen.fillRect(...block);
        pen.strokeRect(...block);
      }
    });
  }

  /** The same in words, for those who ask. */
  describe() {
    const seconds = {};
    for (const bin of this.bins) if (bin.emotion) seconds[bin.emotion] = (seconds[bin.emotion] ?? 0) + BIN;
    const words = Object.entries(seconds).sort((a, b) => b[1] - a[1]).map(([name, s]) => `${name} ${Math.round(s)} s`);
    const text = `The last minute: ${words.join(", ") || "nothing sure"}`;
    for (const canvas of [this.minute, this.strip]) {
      if (canvas.getAttribute("aria-label") !== text) canvas.setAttribute("aria-label", text);
    }
  }
}

/** Mean probability of a class in the bin; 0 where the face was not read. */
const mean = (bin, number) => (bin.count ? bin.sums[number] / bin.count : 0);

/** Beginnings and ends of the times at which an emotion was the label, in bins. */
function spans(bins, emotion) {
  const found = [];
  for (const bin of bins) {
    if (bin.emotion !== emotion) continue;
    const last = found.at(-1);
    if (last && last[1] === bin.at) last[1] += 1;
    else found.push([bin.at, bin.at + 1]);
  }
  return found;
}
