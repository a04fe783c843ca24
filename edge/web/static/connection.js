// The two connections to the server, for all cameras, each made again for as long as the page is open; and questions.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;
const SILENCE = 5000; // the server says something every second: after this, nobody is there

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function again(attempt) {
  for (let pause = FIRST_PAUSE; ; ) {
    const went = await attempt();
    pause = went ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
    await sleep(pause);
  }
}

/** `on` has a function for each kind of event, and `lost`. */
export function followEvents(on) {
  return again(async () => {
    const came = await new Promise((resolve) => {
      const source = new EventSource("/api/v1/cameras/events");
      let came = false;
      const end = () => {
        clearTimeout(watch);
        source.close();
        resolve(came);
      };
      let watch = setTimeout(end, SILENCE);
      for (const kind of ["record", "stats", "change", "snapshot", "ended"]) {
        source.addEventListener(kind, (event) => {
          came = true;
          clearTimeout(watch);
          watch = setTimeout(end, SILENCE);
          on[kind](JSON.parse(event.data));
        });
      }
      source.onerror = end;
    });
    on.lost();
    return came;
  });
}

/** `on.picture(camera, blob, seq, width, height)` may take its time: of what comes of a camera meanwhile all is skipped
 * but the newest.
 *
 * It is read all the same: what nobody reads waits in the buffers on its way, and would be seconds old when shown.
 * The stream is read here and not by an <img>, which would not tell which frame it shows, nor that it has ended. */
export function followPictures(on) {
  const shows = new Map();
  const show = (camera, ...of) => {
    if (!shows.has(camera)) shows.set(camera, newestOnly((...of) => on.picture(camera, ...of)));
    shows.get(camera)(...of);
  };
  return again(async () => {
    await visible();
    const control = new AbortController();
    // Who does not look costs nothing: the server encodes no pictures for hidden pages.
    const hide = () => document.hidden && control.abort();
    document.addEventListener("visibilitychange", hide);
    let came = false;
    try {
      const response = await fetch("/api/v1/cameras/stream.mjpg", { signal: control.signal, cache: "no-store" });
      if (response.status === 401) location.assign("/sign-in");
      if (response.status === 503) on.full();
      if (!response.ok) return false;
      for await (const part of parts(response.body.getReader())) {
        came = true;
        const [width, height] = part.headers["x-size"].split("x").map(Number);
        const jpeg = new Blob([part.body], { type: "image/jpeg" });
        show(part.headers["x-camera"], jpeg, Number(part.headers["x-seq"]), width, height);
      }
    } catch {
      // Lost or hidden; what the page says about it is for the events to tell.
    } finally {
      document.removeEventListener("visibilitychange", hide);
      control.abort();
    }
    return came;
  });
}

/** Lets `work` be done once at a time; of what comes while it is, the newest is next. */
function newestOnly(work) {
  let [working, next] = [false, null];
  return async (...of) => {
    next = of;
    if (working) return;
    for (working = true; next; ) {
      const now = next;
      next = null;
      await work(...now).catch(() => {}); // a damaged picture: there will be others
    }
    working = false;
  };
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/** Headers and body of each part of a multipart stream whose parts tell their length. */
async function* parts(reader) {
  let rest = new Uint8Array();
  const more = async () => {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream has ended");
    const joined = new Uint8Array(rest.length + value.length);
    joined.set(rest);
    joined.set(value, rest.length);
    rest = joined;
  };
  const take = async (length) => {
    while (rest.length < length) await more();
    const taken = rest.slice(0, length);
    rest = rest.subarray(length);
    return taken;
  };
  const line = async () => {
    let end;
    while ((end = rest.indexOf(10)) < 0) await more();
    return new TextDecoder().decode(await take(end + 1)).trim();
  };
  for (;;) {
    const headers = {};
    for (let text; (text = await line()) || !("content-length" in headers); ) {
      const colon = text.indexOf(":");
      if (colon > 0) headers[text.slice(0, colon).toLowerCase()] = text.slice(colon + 1).trim();
    }
    yield { headers, body: await take(Number(headers["content-length"])) };
  }
}

/** Answer of the API as JSON, or an Error with its reason. */
export async function ask(path, options) {
  const response = await fetch(`/api/v1/${path}`, { cache: "no-store", ...options });
  if (response.status === 401) location.assign("/sign-in");
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `error ${response.status}`);
  return answer;
}
