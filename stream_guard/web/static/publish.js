import { showNotice, stationInPath } from "./status.js";
import { hangUp, lost, negotiate, newConnection } from "./webrtc.js";

const [preview, waiting, notice, camera, start, stop, state] = [
  "preview", "waiting", "notice", "camera", "start", "stop", "state",
].map((id) => document.getElementById(id));
const name = stationInPath();
let connection = null;
let session = null;
let stream = null;

document.getElementById("name").textContent = `Publish to ${name}`;
document.getElementById("watch").href = `/live/${encodeURIComponent(name)}`;
document.title = `Publish to ${name} · stream_guard`;

function show(text, mood) {
  state.textContent = text;
  state.dataset.mood = mood;
  const on = text !== "Off";
  start.disabled = camera.disabled = on;
  stop.disabled = !on;
  waiting.hidden = on;
}

async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  const options = cameras.map((device, i) => new Option(device.label || `Camera ${i + 1}`, device.deviceId));
  if (options.length) camera.replaceChildren(...options);
}

async function begin() {
  showNotice(notice, "");
  show("Connecting", "warn");
  try {
    if (!navigator.mediaDevices) throw new Error("Browsers give a camera to HTTPS pages and localhost only.");
    const which = camera.value ? { deviceId: { exact: camera.value } } : {};
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...which },
    });
    preview.srcObject = stream;
    const chosen = stream.getVideoTracks()[0].getSettings().deviceId;
    await listCameras();
    camera.value = chosen;
    connection = newConnection();
    stream.getVideoTracks().forEach((track) => connection.addTransceiver(track, { direction: "sendonly" }));
    lost(connection).then(() => connection && end("The connection was lost."));
    connection.addEventListener("connectionstatechange", (event) => {
      if (event.target.connectionState === "connected") show("Publishing", "good");
    });
    session = await negotiate(connection, `/whip/${encodeURIComponent(name)}`);
  } catch (error) {
    end(error.name === "NotAllowedError" ? "The browser was not allowed to use the camera." : error.message);
  }
}

function end(reason = "") {
  const [closing, at] = [connection, session];
  connection = session = null;
  hangUp(closing, at);
  stream?.getTracks().forEach((track) => track.stop());
  stream = preview.srcObject = null;
  show("Off", "");
  showNotice(notice, reason);
}

start.onclick = begin;
stop.onclick = () => end();
addEventListener("pagehide", () => end());
