// Puts what the server sends into the page.

import { Camera } from "./camera.js";
import { ask, followEvents, followPictures } from "./connection.js";
import { setText, told } from "./drawing.js";
import { Faces } from "./faces.js";
import { Log } from "./log.js";
import { Timeline } from "./timeline.js";
import { takePictures } from "./upload.js";

const STEADY = 2000; // ms for which an emotion must be shown before it is said aloud …
const CALM = 5000; // … and ms between two things that are said
const MINUTE_EVERY = 250; // ms
const TIMELINE_EVERY = 1000; // ms
const TOLD_FOR = 8000; // ms for which a message stays

const $ = (id) => document.getElementById(id);
const timeline = new Timeline($("timeline"), document.querySelector("#timeline .scale"), $("spans"));
const log = new Log($("log"), $("snapshot"));
const cameras = new Map();
let chosen = null; // the camera that is enlarged; a run's only one always is
let faces = new Faces($("faces"), $("face"));

// ---- the cameras ----

async function meetCameras() {
  const known = await ask("cameras");
  for (const { name } of known) {
    const camera = new Camera(name, $("camera"), showState);
    camera.find("choose").addEventListener("click", () => choose(camera));
    cameras.set(name, camera);
    $("cameras").append(camera.node);
  }
  log.several = several();
  timeline.offer(known.some((camera) => camera.stored));
  if (known.some((camera) => camera.stored)) log.askHistory();
  for (const id of ["all", "privacy"]) $(id).hidden = !several();
  $("cameras").classList.toggle("several", several());
  const wanted = cameras.get(new URLSearchParams(location.search).get("camera"));
  choose(wanted ?? (several() ? null : first()));
}

const several = () => cameras.size > 1;
const first = () => cameras.values().next().value;
const shown = () => (chosen ? [chosen] : [...cameras.values()]);
const of = (name) => cameras.get(name) ?? first(); // a single camera's records have the name of its source

function choose(camera) {
  const focused = document.activeElement;
  const next = focused?.matches(".choose") ? $("all") : focused?.matches("#all") ? chosen?.find("choose") : null;
  chosen = camera;
  faces.forget();
  for (const one of cameras.values()) one.node.toggleAttribute("data-chosen", one === camera);
  document.documentElement.classList.toggle("grid", !camera);
  if (several()) {
    const address = camera ? `?camera=${encodeURIComponent(camera.name)}` : location.pathname;
    history.replaceState(null, "", address + location.hash); // so that it can be bookmarked
  }
  if (camera?.newest) faces.note(camera.newest);
  if (camera) timeline.follow(camera);
  log.follow(several() ? camera : null);
  for (const one of cameras.values()) one.picture.draw();
  timeline.draw();
  showState();
  requestDraw();
  next?.focus(); // what had the focus is hidden now
}

/** The state of the enlarged camera, or how many of all are live. */
function showState(camera) {
  const live = [...cameras.values()].filter((one) => one.state === "live").length;
  const same = shown().every((one) => one.text === first().text);
  const one = chosen ?? first();
  const text = chosen || same ? one.text : `${live} of ${cameras.size} live`;
  const state = chosen || same ? one.state : "some";
  const before = $("status").dataset.state;
  $("status").dataset.state = state;
  setText($("status"), text);
  if (camera && before !== "connecting" && (!chosen || camera === chosen)) say(several() ? `${camera.name}: ${camera.text}` : text);
  setText($("source"), chosen?.source ?? "");
  $("faces").toggleAttribute("data-dim", state !== "live");
  showPaused();
}

// ---- what comes ----

let connected = false;

const on = {
  record(record) {
    const camera = of(record.source);
    if (!camera.note(record) && camera === chosen) faces.forget();
    timeline.note(camera, record);
    if (camera === chosen) {
      faces.note(record);
      setText($("source"), camera.source);
    }
    requestDraw();
  },
  change(event) {
    log.note(event);
  },
  snapshot(snapshot) {
    log.noteSnapshot(snapshot);
  },
  stats(stats) {
    if (!cameras.has(stats.camera)) location.reload(); // another run, with other cameras
    const camera = of(stats.camera);
    const pauses = stats.state === "paused" && camera.state !== "paused";
    camera.noteStats(stats);
    if (pauses && camera === chosen) faces.forget();
    if (camera === (chosen ?? first())) showStats(stats);
    showPaused();
    requestDraw();
    if (!connected) catchUp();
  },
  ended({ camera }) {
    of(camera).end();
  },
  lost() {
    connected = false;
    for (const camera of cameras.values()) camera.lost();
  },
  full() {
    for (const camera of cameras.values()) camera.tooMany();
  },
  picture(camera, ...rest) {
    return of(camera).show(...rest);
  },
};

/** Ask for what was missed before the connection was made. */
function catchUp() {
  connected = true;
  if (!timeline.stored) return;
  log.askHistory();
  if (chosen) timeline.follow(chosen);
}

// ---- what is shown ----

let requested = false;

function requestDraw() {
  if (requested) return;
  requested = true;
  requestAnimationFrame(() => {
    requested = false;
    faces.drawBars();
    for (const camera of cameras.values()) camera.drawNow();
  });
}

function showStats(stats) {
  const { frame_age_ms: age, model, thresholds } = stats;
  const dropped = (stats.dropped.detection ?? 0) + (stats.dropped.classification ?? 0);
  setText($("fps"), stats.fps.toFixed(1));
  setText($("age"), age.p50 === null ? "–" : `${Math.round(age.p50)} – ${Math.round(age.p95)} ms`);
  setText($("dropped"), `${dropped} of ${stats.counts.captured}`);
  setText($("temperature"), stats.temperature === null ? "–" : `${Math.round(stats.temperature)} °C`);
  const right = model.accuracy === null ? "" : `, ${(100 * model.accuracy).toFixed(1)}% accuracy (${model.labels})`;
  const newer = model.offered === model.release || model.offered === null ? "" : `, ${model.offered} is offered`;
  const release = model.release === null ? "" : `, release ${model.release}`;
  setText($("model"), `${model.name} ${model.variant}${release}${newer}${right}, sha256 ${model.sha256.slice(0, 12)}`);
  $("model").title = `sha256 ${model.sha256}`;
  setText(
    $("thresholds"),
    `face: score from ${thresholds.detector_threshold}, size from ${thresholds.min_face_size} pixels, sharpness from ` +
      `${thresholds.min_sharpness}, turned by at most ${thresholds.max_turn}°; label: probability from ` +
      `${thresholds.unsure_below}, ahead of the others by ${thresholds.margin}`,
  );
}

let forgetMessage;

function tell(text) {
  setText($("message"), text);
  clearTimeout(forgetMessage);
  forgetMessage = setTimeout(() => setText($("message"), ""), TOLD_FOR);
}

// ---- what is said aloud: little, and only what has lasted ----

let [said, saidAt, seen, seenSince] = ["", 0, "", 0];

function say(text) {
  if (text === said) return;
  [said, saidAt] = [text, performance.now()];
  $("calm").textContent = text;
}

function sayWhatLasts() {
  if (!chosen) return;
  const now = performance.now();
  const text = chosen.main ? told(chosen.main) : "no face";
  if (text !== seen) [seen, seenSince] = [text, now];
  if (chosen.state === "live" && now - seenSince > STEADY && now - saidAt > CALM) say(text);
}

// ---- what can be done ----

function toggle(button, pressed) {
  button.setAttribute("aria-pressed", pressed);
}

async function switchCameras(paused, path) {
  try {
    await ask(`${path}${paused ? "resume" : "pause"}`, { method: "POST" });
  } catch (error) {
    tell(`That did not work: ${error.message}`);
  }
}

const allPaused = () => [...cameras.values()].every((camera) => camera.paused);

function showPaused() {
  $("pause").hidden = !chosen;
  const paused = chosen?.paused ?? false;
  setText($("pause"), `${paused ? "Resume" : "Pause"}${several() && chosen ? ` ${chosen.name}` : ""}`);
  setText($("privacy"), allPaused() ? "Resume all" : "Pause all");
  $("all").hidden = !several() || !chosen;
}

const actions = {
  all() {
    if (several()) choose(null);
  },
  pause() {
    switchCameras(chosen.paused, several() ? `cameras/${chosen.name}/` : "");
  },
  privacy() {
    switchCameras(allPaused(), "");
  },
  boxes() {
    const boxes = !first().picture.boxes;
    for (const { picture } of cameras.values()) {
      picture.boxes = boxes;
      picture.draw();
    }
    toggle($("boxes"), boxes);
  },
  wall() {
    location.hash = location.hash === "#wall" ? "" : "wall"; // so that it can be bookmarked for a screen
  },
  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.();
  },
  keys() {
    keys = !keys;
    localStorage.setItem("keys", keys ? "on" : "off");
    showKeys();
  },
};

// Who speaks to the machine instead of typing, or hits keys by accident, wants none that act alone.
let keys = localStorage.getItem("keys") !== "off";
const KEYS = { all: "Escape", boxes: "b", wall: "w", full: "f" };

function showKeys() {
  toggle($("keys"), keys);
  for (const [id, key] of Object.entries(KEYS)) {
    if (keys) $(id).setAttribute("aria-keyshortcuts", key);
    else $(id).removeAttribute("aria-keyshortcuts");
    $(id).querySelector("kbd").hidden = !keys;
  }
}

function showWall() {
  const wall = location.hash === "#wall";
  document.documentElement.classList.toggle("wall", wall);
  toggle($("wall"), wall);
  drawAll();
}

function drawAll() {
  for (const { picture } of cameras.values()) picture.draw();
  timeline.draw();
}

for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
document.addEventListener("keydown", (event) => {
  if (!keys || event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const camera = [...cameras.values()][Number(event.key) - 1];
  if (camera) choose(camera);
  const action = Object.keys(KEYS).find((id) => KEYS[id].toLowerCase() === event.key.toLowerCase());
  if (action) actions[action]();
});
addEventListener("hashchange", showWall);
addEventListener("resize", drawAll);
takePictures({ button: $("read"), file: $("file"), drop: $("drop"), dialog: $("upload"), tell });
await meetCameras();
setInterval(() => {
  faces.drawMinutes();
  sayWhatLasts();
}, MINUTE_EVERY);
setInterval(() => timeline.draw(), TIMELINE_EVERY);
showKeys();
showWall();
followEvents(on);
followPictures(on);
