// Puts what the server sends into the page.

import { followEvents, followPictures } from "./connection.js";
import { Faces, setText } from "./faces.js";
import { Picture, sure, told, variableOf } from "./picture.js";

const STEADY = 2000; // ms for which an emotion must be shown before it is said aloud …
const CALM = 5000; // … and ms between two things that are said
const MINUTE_EVERY = 250; // ms

const $ = (id) => document.getElementById(id);
const picture = new Picture($("picture"));
const faces = new Faces($("faces"), $("face"));

// ---- how the connection is ----

const STATES = {
  connecting: () => "Connecting…",
  live: () => "Live",
  paused: () => "Paused",
  stalled: (seconds) => `No frame for ${Math.round(seconds)} s`,
  ended: () => "The run has ended",
  gone: () => "The run has ended, waiting for the next",
  lost: () => "Connection lost, trying again",
  full: () => "Too many viewers, trying again",
};
let state = "connecting";
let full = false; // records come, but no pictures

function enter(name, detail) {
  if (name === "live" && full) name = "full";
  const text = STATES[name](detail);
  $("status").dataset.state = name;
  setText($("status"), text);
  setText($("notice"), text);
  const shown = name === "live" || name === "ended"; // whose last picture stays
  $("notice").hidden = shown && picture.bitmap !== null;
  document.querySelector(".screen").toggleAttribute("data-dim", !shown);
  if (name !== state && state !== "connecting") say(text);
  state = name;
}

// ---- what comes ----

let newest = null;

const on = {
  record(record) {
    if (newest && record.seq < newest.seq) forget(); // another run
    newest = record;
    picture.note(record);
    faces.note(record);
    setText($("source"), record.source);
    if (state !== "live") enter("live");
    requestDraw();
  },
  stats(stats) {
    if (stats.state === "paused") pause();
    else if (stats.state === "stalled") enter("stalled", stats.idle_s);
    else if (stats.state === "ended") enter("ended");
    else if (state !== "live") enter(stats.state === "running" ? "live" : "connecting");
    showStats(stats);
  },
  ended() {
    enter("ended");
  },
  lost() {
    enter(state === "ended" || state === "gone" ? "gone" : "lost");
  },
  full() {
    full = true;
    enter("full");
  },
  async picture(...of) {
    await picture.show(...of);
    full = false;
    if (state === "live" || state === "full") enter("live"); // takes the notice away
    if (state === "ended") enter("ended");
  },
};

function pause() {
  picture.blank();
  faces.forget();
  requestDraw();
  enter("paused");
}

function forget() {
  picture.forget();
  faces.forget();
}

// ---- what is shown ----

let requested = false;

function requestDraw() {
  if (requested) return;
  requested = true;
  requestAnimationFrame(() => {
    requested = false;
    faces.drawBars();
    showNow(faces.main);
  });
}

function showNow(face) {
  $("now").dataset.emotion = face ? (face.emotion ?? "unsure") : "none";
  $("now").style.setProperty("--colour", face ? variableOf(face.emotion) : "var(--card)");
  setText($("now-emotion"), face ? told(face) : "no face");
  setText($("now-confidence"), face ? sure(face) : "");
}

function showStats(stats) {
  const { frame_age_ms: age, model } = stats;
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
}

// ---- what is said aloud: little, and only what has lasted ----

let [said, saidAt, shown, shownSince] = ["", 0, "", 0];

function say(text) {
  if (text === said) return;
  [said, saidAt] = [text, performance.now()];
  $("calm").textContent = text;
}

function sayWhatLasts() {
  const now = performance.now();
  const text = faces.main ? told(faces.main) : "no face";
  if (text !== shown) [shown, shownSince] = [text, now];
  if (state === "live" && now - shownSince > STEADY && now - saidAt > CALM) say(text);
}

// ---- what can be done ----

function toggle(button, pressed) {
  button.setAttribute("aria-pressed", pressed);
}

const actions = {
  boxes() {
    picture.boxes = !picture.boxes;
    toggle($("boxes"), picture.boxes);
    picture.draw();
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

function showKeys() {
  toggle($("keys"), keys);
  for (const id of ["boxes", "wall", "full"]) {
    if (keys) $(id).setAttribute("aria-keyshortcuts", id[0]);
    else $(id).removeAttribute("aria-keyshortcuts");
    $(id).querySelector("kbd").hidden = !keys;
  }
}

function showWall() {
  const wall = location.hash === "#wall";
  document.documentElement.classList.toggle("wall", wall);
  toggle($("wall"), wall);
  picture.draw();
}

for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
document.addEventListener("keydown", (event) => {
  if (!keys || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = { b: actions.boxes, w: actions.wall, f: actions.full }[event.key.toLowerCase()];
  if (action) action();
});
addEventListener("hashchange", showWall);
addEventListener("resize", () => picture.draw());
setInterval(() => {
  faces.drawMinutes();
  sayWhatLasts();
}, MINUTE_EVERY);
showKeys();
showWall();
followEvents(on);
followPictures(on);
