import { Failure, read, toldOf } from "./api.js";
import { byId, make, notice, pause } from "./dom.js";
import "./frame.js";
import { Player } from "./player.js";
import { stationInPath } from "./status.js";
import { hangUp, lost, negotiate, newConnection } from "./webrtc.js";
import { put } from "./words.js";

const GLANCE_MS = 250;
const MOODS = { off: "", connecting: "warn", on: "good" };
const CAMERA_TROUBLE = {
  NotAllowedError: "publish.denied",
  NotFoundError: "publish.no_camera",
  OverconstrainedError: "publish.no_camera",
  NotReadableError: "publish.camera_busy",
};
const [preview, off, waiting, camera, start, stop] = [
  "preview", "off", "waiting", "camera", "start", "stop",
].map(byId);
const name = stationInPath();
let run = 0; // counts starts and stops: what a start waits for may come after its stop
let connection = null;
let stream = null;
let player = null;

function show(state) {
  put(byId("state"), `publish.state.${state}`);
  byId("state").dataset.mood = MOODS[state];
  const on = state !== "off";
  start.disabled = camera.disabled = on;
  stop.disabled = !on;
  off.hidden = on;
  put(waiting, on ? "live.connecting" : "publish.shown.off");
}

async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  const options = cameras.map((device, i) => {
    const option = make("option", { value: device.deviceId, textContent: device.label });
    return device.label ? option : put(option, "publish.camera.number", { n: i + 1 });
  });
  if (options.length) camera.replaceChildren(...options);
}

async function openCamera() {
  if (!navigator.mediaDevices) throw new Failure(0, "insecure", "");
  const which = camera.value ? { deviceId: { exact: camera.value } } : {};
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...which },
  });
}

async function showCamera(opened) {
  stream = preview.srcObject = opened;
  const [track] = stream.getVideoTracks();
  track.onended = () => end(["publish.camera_gone"]); // not when we stop it
  await listCameras();
  camera.value = track.getSettings().deviceId;
}

async function publish() {
  const mine = (connection = newConnection());
  stream.getVideoTracks().forEach((track) => mine.addTransceiver(track, { direction: "sendonly" }));
  lost(mine).then(() => connection === mine && end(["publish.lost"]));
  mine.addEventListener("connectionstatechange", () => {
    if (mine.connectionState === "connected" && connection === mine) showRedacted();
  });
  await negotiate(mine, `/whip/${encodeURIComponent(name)}`);
}

// There is nothing to watch until the first picture is redacted: the detectors may have to be loaded.
async function showRedacted() {
  show("on");
  if (player) return;
  const mine = (player = new Player(name, (told) => notice(byId("notice"), told)));
  while (!mine.stopped && !(await isOnAir())) await pause(GLANCE_MS);
  mine.play();
}

async function isOnAir() {
  const station = await read(`/api/streams/${encodeURIComponent(name)}`).catch(() => null);
  return station?.state === "live" || station?.state === "degraded";
}

async function begin() {
  const mine = ++run;
  notice(byId("notice"), null);
  show("connecting");
  try {
    const opened = await openCamera();
    if (mine !== run) return close(opened);
    await showCamera(opened);
    if (mine === run) await publish();
  } catch (error) {
    if (mine === run) end(reasonFor(error));
  }
}

function reasonFor(error) {
  const key = CAMERA_TROUBLE[error.name];
  return key ? [key] : toldOf(error);
}

const close = (opened) => opened?.getTracks().forEach((track) => track.stop());

function end(reason = null) {
  run += 1;
  player?.stop();
  player = null;
  hangUp(connection);
  connection = null;
  close(stream);
  stream = preview.srcObject = null;
  show("off");
  notice(byId("notice"), reason);
}

put(byId("name"), "publish.title", { name });
put(document.querySelector("title"), "publish.page", { name });
byId("watch").href = `/live/${encodeURIComponent(name)}`;
start.onclick = begin;
stop.onclick = () => end();
addEventListener("pagehide", () => end());
