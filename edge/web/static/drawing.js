// Colours, words and canvases, as all parts of the page use them.

const colours = getComputedStyle(document.documentElement);
const keyOf = (name) => `--class-${(name ?? "unsure").toLowerCase().replace(/[^a-z0-9]/g, "_")}`;
export const variableOf = (name) => `var(${keyOf(name)}, var(--class-unsure))`;
export const colourOf = (name) => colours.getPropertyValue(keyOf(name)) || colours.getPropertyValue(keyOf(null));
export const percent = (p) => `${Math.round(100 * p)}%`;
/** Percentage of the label; empty for a face without one. */
export const sure = (face) => (face.emotion === null ? "" : percent(face.confidence));
const REASONS = { small: "too small", turned: "turned away" };
/** The label, or in words why there is none. */
export const told = (face) => face.emotion ?? REASONS[face.reason] ?? face.reason ?? "unsure";

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The canvas's pen and size, in the screen's pixels, as large as the canvas is shown. */
export function resized(canvas) {
  const dense = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(canvas.clientWidth * dense), Math.round(canvas.clientHeight * dense)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  return { pen: canvas.getContext("2d"), w, h, dense };
}

/** The same, with nothing drawn. */
export function cleared(canvas) {
  const size = resized(canvas);
  size.pen.clearRect(0, 0, size.w, size.h);
  return size;
}

/** Colours of lines and of the edges of blocks: light colours on a light ground want an edge. */
export function drawnWith(node) {
  const style = getComputedStyle(node);
  return ["--line", "--rim"].map((name) => style.getPropertyValue(name));
}
