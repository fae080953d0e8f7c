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
let connection = null;
let session = null;
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
  stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...which },
  });
  preview.srcObject = stream;
  const chosen = stream.getVideoTracks()[0].getSettings().deviceId;
  await listCameras();
  camera.value = chosen;
}

async function publish() {
  const mine = (connection = newConnection());
  stream.getVideoTracks().forEach((track) => mine.addTransceiver(track, { direction: "sendonly" }));
  lost(mine).then(() => connection === mine && end(["publish.lost"]));
  mine.addEventListener("connectionstatechange", () => {
    if (mine.connectionState === "connected" && connection === mine) showRedacted();
  });
  session = await negotiate(mine, `/whip/${encodeURIComponent(name)}`);
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
  notice(byId("notice"), null);
  show("connecting");
  try {
    await openCamera();
    await publish();
  } catch (error) {
    end(reasonFor(error));
  }
}

function reasonFor(error) {
  const key = CAMERA_TROUBLE[error.name];
  return key ? [key] : toldOf(error);
}

function end(reason = null) {
  const [closing, at] = [connection, session];
  connection = session = null;
  player?.stop();
  player = null;
  hangUp(closing, at);
  stream?.getTracks().forEach((track) => track.stop());
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
