// A card for each face: its label, its probabilities, and its last minute.

import { colourOf, percent, sure, told, variableOf } from "./picture.js";

const MINUTE = 60;
const BIN = 0.25; // seconds of a column of the minute
const GONE = 1; // seconds after which a face that is not seen is shown as gone …
const FORGOTTEN = 4; // … and after which its card is removed
const MOST_ROWS = 12; // of more classes, those that were most probable in the last minute
const LARGER = 1.2; // another face becomes the main one when it is so much larger

export class Faces {
  constructor(place, template) {
    this.place = place;
    this.template = template;
    this.cards = new Map();
    this.main = null;
  }

  note(record) {
    this.time = record.t;
    for (const face of record.faces) {
      if (!this.cards.has(face.id)) this.add(face);
      this.cards.get(face.id).note(face, record.t);
    }
    this.main = mainOf(record.faces, this.main);
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
    this.main = null;
  }

  drawBars() {
    for (const card of this.cards.values()) card.drawBars(this.time);
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

/** The largest face; the one that was it stays it while another is hardly larger. */
function mainOf(faces, before) {
  const size = (face) => face.box[2] * face.box[3];
  const largest = faces.reduce((a, b) => (a && size(a) >= size(b) ? a : b), null);
  const same = before && faces.find((face) => face.id === before.id);
  return same && size(largest) < LARGER * size(same) ? same : largest;
}

class Card {
  constructor(node, face) {
    this.node = node;
    this.id = face.id;
    this.names = Object.keys(face.probabilities);
    this.bins = [];
    this.find = (name) => node.querySelector(`.${name}`);
    this.minute = this.find("minute");
    this.shown = [...this.names.keys()].slice(0, MOST_ROWS); // numbers of the classes that have a row
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
    const at = Math.floor(time / BIN);
    let bin = this.bins.at(-1);
    if (bin?.at !== at) this.bins.push((bin = { at, count: 0, sums: this.names.map(() => 0) }));
    bin.count += 1;
    bin.emotion = face.emotion;
    this.names.forEach((name, i) => (bin.sums[i] += face.probabilities[name]));
  }

  drawBars(time) {
    const { face } = this;
    const gone = time - this.seen > GONE;
    this.node.toggleAttribute("data-gone", gone);
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
      bar.style.setProperty("--p", face.probabilities[name]);
      setText(value, percent(face.probabilities[name]));
    });
  }

  /** Choose the classes that have a row, in their order, where there is no room for all. */
  choose() {
    if (this.names.length <= MOST_ROWS) return;
    const sums = this.names.map((_, i) => this.bins.reduce((sum, bin) => sum + bin.sums[i] / bin.count, 0));
    const ranked = [...this.names.keys()].sort((a, b) => sums[b] - sums[a]);
    this.shown = ranked.slice(0, MOST_ROWS).sort((a, b) => a - b);
  }

  /** A lane for each row, beside its bar: how probable it was, and a block where it was the label.
   *
   * So the place tells what the colour tells. */
  drawMinute(time) {
    const dense = window.devicePixelRatio || 1;
    const canvas = this.minute;
    const [w, h] = [Math.round(canvas.clientWidth * dense), Math.round(canvas.clientHeight * dense)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, w, h);
    const [lane, step] = [h / this.rows.length, (w * BIN) / MINUTE];
    const first = Math.floor(time / BIN) - MINUTE / BIN + 1;
    while (this.bins.length && this.bins[0].at < first) this.bins.shift();
    this.choose();
    const style = getComputedStyle(this.node);
    const [line, rim] = ["--line", "--rim"].map((name) => style.getPropertyValue(name));
    this.shown.forEach((number, i) => {
      const name = this.names[number];
      const floor = Math.round((i + 1) * lane) - 1;
      pen.fillStyle = line;
      pen.fillRect(0, floor, w, 1);
      pen.fillStyle = colourOf(name);
      pen.globalAlpha = 0.45;
      for (const bin of this.bins) {
        const height = (bin.sums[number] / bin.count) * (lane - 2);
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
    this.describe();
  }

  /** The same in words, for those who ask. */
  describe() {
    const seconds = {};
    for (const bin of this.bins) if (bin.emotion) seconds[bin.emotion] = (seconds[bin.emotion] ?? 0) + BIN;
    const words = Object.entries(seconds).sort((a, b) => b[1] - a[1]).map(([name, s]) => `${name} ${Math.round(s)} s`);
    const text = `The last minute: ${words.join(", ") || "nothing sure"}`;
    if (this.minute.getAttribute("aria-label") !== text) this.minute.setAttribute("aria-label", text);
  }
}

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

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
