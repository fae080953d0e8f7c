// Shows a station's redacted picture: by WebRTC, else by Motion JPEG, again and again until stopped.

import { Failure, toldOf } from "./api.js";
import { byId, pause } from "./dom.js";
import { put } from "./words.js";
import { hangUp, lost, negotiate, newConnection } from "./webrtc.js";

const FIRST_FRAME_MS = 8000;
const FROZEN_MS = 4000;
const BUSY = new Set([409, 503]);

// Needs #video, #stills, #waiting, #way and #again on the page; `told` hears what is wrong, null if nothing is.
// With a button for the `sound`, that is asked for too: browsers let a page play it only after a click.
export class Player {
  constructor(name, told, sound = null) {
    Object.assign(this, { name, told, sound, connection: null, stopped: false, lastFrame: 0 });
    this.parts = Object.fromEntries(["video", "stills", "waiting", "way", "again"].map((id) => [id, byId(id)]));
    this.parts.video.requestVideoFrameCallback?.(() => this.#onFrame());
    if (sound) sound.onclick = () => this.#switchSound();
  }

  async play() {
    for (let failures = 0; !this.stopped; ) {
      let delayMs = 500;
      let busy = false;
      try {
        await this.#watch();
        failures = 0;
      } catch (error) {
        if (this.stopped) return;
        failures += 1;
        busy = BUSY.has(error.status);
        delayMs = error.retryMs || Math.min(500 * 2 ** failures, 10000);
        this.told(toldOf(error));
      }
      this.hangUp();
      this.#show("");
      if (failures > 0 && !busy && !this.stopped) await this.#fallBack();
      if (!this.stopped) await pause(delayMs);
    }
  }

  stop() {
    this.stopped = true;
    this.hangUp();
    this.parts.again.onclick?.();
    this.#show("");
  }

  hangUp() {
    hangUp(this.connection);
    this.connection = null;
  }

  #onFrame() {
    const { video } = this.parts;
    this.lastFrame = performance.now();
    video.dataset.frames = Number(video.dataset.frames ?? 0) + 1;
    if (!this.stopped) video.requestVideoFrameCallback(() => this.#onFrame());
  }

  async #watch() {
    if (!("RTCPeerConnection" in window)) throw new Failure(0, "no_webrtc", "");
    const { video } = this.parts;
    const connection = (this.connection = newConnection());
    const media = new MediaStream();
    connection.addTransceiver("video", { direction: "recvonly" });
    if (this.sound) connection.addTransceiver("audio", { direction: "recvonly" });
    connection.addEventListener("track", (event) => {
      if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
      if (event.track.kind === "audio") this.#offerSound(event.track);
      media.addTrack(event.track);
      video.srcObject = media;
      video.play().catch(() => {}); // it plays when somebody clicks, then
    });
    const began = performance.now();
    const gone = lost(connection);
    await negotiate(connection, `/whep/${encodeURIComponent(this.name)}`);
    if (!(await this.#frames(began))) throw new Failure(0, "no_frames", "");
    this.#show("video");
    await Promise.race([gone, this.#frozen()]);
  }

  // A track of sound is muted until its first packet, and there may be none.
  #offerSound(track) {
    this.sound.hidden = true;
    track.onunmute = () => (this.sound.hidden = false);
  }

  #switchSound() {
    const { video } = this.parts;
    video.muted = !video.muted;
    put(this.sound, video.muted ? "live.sound_on" : "live.sound_off");
  }

  async #frames(afterMs) {
    const { video } = this.parts;
    const end = performance.now() + FIRST_FRAME_MS;
    while (performance.now() < end && !this.stopped) {
      if (this.lastFrame > afterMs || (!video.requestVideoFrameCallback && video.readyState > 2)) return true;
      await pause(50);
    }
    return false;
  }

  async #frozen() {
    while (!this.stopped) {
      await pause(500);
      const since = performance.now() - this.lastFrame;
      if (!document.hidden && this.parts.video.requestVideoFrameCallback && since > FROZEN_MS) return;
      if (document.hidden) this.lastFrame = performance.now();
    }
  }

  #show(what) {
    const { video, stills, waiting, again, way } = this.parts;
    video.hidden = what !== "video";
    stills.hidden = what !== "stills";
    waiting.hidden = what !== "";
    again.hidden = what !== "stills";
    way.hidden = !what;
    if (what) put(way, `live.way.${what}`);
    if (what) this.told(null);
  }

  // Stills need nothing but HTTP. Whoever can have neither waits and tries again.
  async #fallBack() {
    const { stills, again } = this.parts;
    stills.src = `/api/streams/${encodeURIComponent(this.name)}/mjpeg?${Date.now()}`;
    await new Promise((done) => {
      const late = setTimeout(done, FIRST_FRAME_MS);
      stills.onload = () => {
        clearTimeout(late);
        this.#show("stills");
      };
      stills.onerror = done;
      again.onclick = done;
    });
    stills.removeAttribute("src");
  }
}
