import { factsOf, pause, read, reasonOf, showNotice, showState, stationInPath } from "./status.js";
import { hangUp, lost, negotiate, newConnection } from "./webrtc.js";

const FIRST_FRAME_MS = 8000;
const FROZEN_MS = 4000;
const [video, stills, waiting, notice, way, again] = [
  "video", "stills", "waiting", "notice", "way", "again",
].map((id) => document.getElementById(id));
const name = stationInPath();
const api = `/api/streams/${encodeURIComponent(name)}`;
let connection = null;
let session = null;
let trouble = "";

document.getElementById("name").textContent = name;
document.title = `${name} · stream_guard`;

// -- the picture --------------------------------------------------------------------------------

let lastFrame = 0;
function onFrame() {
  lastFrame = performance.now();
  video.dataset.frames = Number(video.dataset.frames ?? 0) + 1;
  video.requestVideoFrameCallback(onFrame);
}
video.requestVideoFrameCallback?.(onFrame);

async function frames(afterMs, patienceMs) {
  const end = performance.now() + patienceMs;
  while (performance.now() < end) {
    if (lastFrame > afterMs || (!video.requestVideoFrameCallback && video.readyState > 2)) return true;
    await pause(50);
  }
  return false;
}

async function watch() {
  connection = newConnection();
  connection.addTransceiver("video", { direction: "recvonly" });
  connection.addTransceiver("audio", { direction: "recvonly" });
  sound.hidden = true;
  const media = new MediaStream();
  connection.addEventListener("track", (event) => {
    if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
    // a track of sound is muted until its first packet, and there may be none
    if (event.track.kind === "audio") event.track.onunmute = () => (sound.hidden = false);
    media.addTrack(event.track);
    video.srcObject = media;
    video.play().catch(() => {});
  });
  const began = performance.now();
  const gone = lost(connection).then(() => "lost");
  session = await negotiate(connection, `/whep/${encodeURIComponent(name)}`);
  if (!(await frames(began, FIRST_FRAME_MS))) throw new Error("No picture came by WebRTC.");
  show("video");
  await Promise.race([gone, frozen()]);
}

async function frozen() {
  for (;;) {
    await pause(500);
    if (!document.hidden && video.requestVideoFrameCallback && performance.now() - lastFrame > FROZEN_MS) return;
    if (document.hidden) lastFrame = performance.now();
  }
}

function show(what) {
  video.hidden = what !== "video";
  stills.hidden = what !== "stills";
  waiting.hidden = what !== "";
  again.hidden = what !== "stills";
  way.textContent = { video: "By WebRTC", stills: "By Motion JPEG: WebRTC does not get through" }[what] ?? "";
  if (what) trouble = "";
}

// Stills need nothing but HTTP. Whoever can have neither waits and tries again.
function fallBack() {
  stills.src = `${api}/mjpeg?${Date.now()}`;
  show("stills");
  return new Promise((done) => {
    stills.onerror = done;
    again.onclick = done;
  }).then(() => stills.removeAttribute("src"));
}

async function play() {
  for (let failures = 0; ; ) {
    let delayMs = 500;
    let busy = false;
    try {
      if (!("RTCPeerConnection" in window)) throw new Error("This browser has no WebRTC.");
      await watch();
      failures = 0;
    } catch (error) {
      failures += 1;
      busy = error.status === 409 || error.status === 503;
      delayMs = error.retryMs || Math.min(500 * 2 ** failures, 10000);
      trouble = error.message;
    }
    hangUp(connection, session);
    connection = session = null;
    show("");
    if (failures > 0 && !busy) await fallBack();
    await pause(delayMs);
  }
}

// -- the sound: browsers let a page play it only after a click --------------------------------------

const sound = document.getElementById("sound");
sound.onclick = () => {
  video.muted = !video.muted;
  sound.setAttribute("aria-pressed", String(!video.muted));
  sound.textContent = video.muted ? "Sound on" : "Sound off";
};

// -- what is said about it ------------------------------------------------------------------------

function showFacts(station) {
  const rows = factsOf(station).map(([term, value]) => {
    const row = document.createElement("div");
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = value;
    row.append(dt, dd);
    return row;
  });
  document.getElementById("facts").replaceChildren(...rows);
}

async function tell() {
  for (;;) {
    try {
      const station = await read(api);
      showState(document.getElementById("state"), station.state);
      showFacts(station);
      showNotice(notice, reasonOf(station) || trouble);
    } catch {
      showNotice(notice, "The server does not answer; trying again.");
    }
    await pause(document.hidden ? 5000 : 1000);
  }
}

document.getElementById("full").onclick = () => document.getElementById("stage").requestFullscreen?.();
addEventListener("pagehide", () => hangUp(connection, session));
addEventListener("pageshow", (event) => event.persisted && location.reload());
tell();
play();
