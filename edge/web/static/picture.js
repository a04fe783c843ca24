// A picture with a box about each face.

import { colourOf, resized, sure, told } from "./drawing.js";

const KEPT = 120; // records that wait for their picture
const INK = "#141414";
const NARROW = 300; // CSS pixels: on smaller pictures the text would cover the faces

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.boxes = true;
    this.records = new Map();
    this.bitmap = null;
  }

  note(record) {
    this.records.set(record.seq, record);
    if (this.records.size > KEPT) this.records.delete(this.records.keys().next().value);
    if (this.bitmap && record.seq === this.seq) this.draw(); // the picture was here first
  }

  forget() {
    this.records.clear();
  }

  /** Takes the picture away, for good. */
  blank() {
    this.forget();
    this.bitmap?.close();
    this.bitmap = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** `width` and `height` are those of the frame that its record's boxes refer to. */
  async show(blob, seq, width, height) {
    const bitmap = await createImageBitmap(blob);
    this.bitmap?.close();
    Object.assign(this, { bitmap, seq, width: width ?? bitmap.width, height: height ?? bitmap.height });
    this.canvas.style.setProperty("--ratio", this.width / this.height);
    this.draw();
    return true;
  }

  draw() {
    const { canvas, bitmap } = this;
    if (!bitmap) return;
    const { pen, w, h, dense } = resized(canvas);
    pen.drawImage(bitmap, 0, 0, w, h);
    const record = this.boxes && this.records.get(this.seq);
    for (const face of record ? record.faces : []) this.drawFace(pen, face, w / this.width, dense);
  }

  drawFace(pen, face, scale, dense) {
    const [x, y, w, h] = face.box.map((v) => v * scale);
    const size = Math.max(13 * dense, this.canvas.width / 45);
    const text = `#${face.id} ${told(face)} ${sure(face)}`.trim();
    pen.lineWidth = size / 3;
    pen.strokeStyle = INK;
    pen.strokeRect(x, y, w, h);
    pen.lineWidth = size / 5;
    pen.strokeStyle = pen.fillStyle = colourOf(face.emotion);
    pen.strokeRect(x, y, w, h);
    if (this.canvas.clientWidth < NARROW) return;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    const [width, height] = [pen.measureText(text).width + size, size * 1.5];
    const left = Math.max(0, Math.min(x - size / 10, this.canvas.width - width));
    const top = y >= height ? y - height : y;
    pen.fillRect(left, top, width, height);
    pen.fillStyle = INK;
    pen.fillText(text, left + size / 2, top + height / 2);
  }
}
