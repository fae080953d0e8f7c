// Files on their way to the server, a few at a time; what the server has no room for now is sent again.

import { Failure, failureFrom } from "./api.js";

const MOST_AT_ONCE = 3;
const BROKEN_TRIES = 3;
const LATER = new Set([429, 503]);
const line = [];
const turnedAway = new Set();
let sending = 0;

// `state` is pending, sending, finishing, retrying, failed or over.
export class Upload {
  // `largest` is what the server takes, in bytes; `changed` is called with this whenever something has.
  constructor(file, query, largest, changed) {
    Object.assign(this, { file, query, largest, changed, state: "pending" });
    Object.assign(this, { sent: 0, tries: 0, failure: null, job: null, retryAt: 0 });
  }

  begin() {
    clearTimeout(this.timer);
    turnedAway.delete(this);
    this.#become("pending");
    line.push(this);
    next();
  }

  retry() {
    this.tries = 0;
    this.begin();
  }

  cancel() {
    clearTimeout(this.timer);
    turnedAway.delete(this);
    const place = line.indexOf(this);
    if (place >= 0) line.splice(place, 1);
    this.#become("over");
    this.request?.abort();
  }

  get running() {
    return !["failed", "over"].includes(this.state);
  }

  get share() {
    return this.file.size ? this.sent / this.file.size : 1;
  }

  sends(bytes) {
    return ["sending", "finishing"].includes(this.state) && this.file.size === bytes;
  }

  async send() {
    this.#become("sending");
    this.tries += 1;
    try {
      this.#check();
      this.job = await this.#post();
      this.#become("over");
    } catch (failure) {
      if (this.state !== "over") this.#failed(failure);
    }
  }

  // What is known to be refused is not sent at all.
  #check() {
    if (this.file.size > this.largest) throw new Failure(413, "too_large", "");
    if (this.file.size === 0) throw new Failure(415, "empty", "");
  }

  #post() {
    const request = (this.request = new XMLHttpRequest());
    request.open("POST", `/api/jobs?${new URLSearchParams(this.query)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => this.#progress(event.loaded);
    request.upload.onload = () => this.#become("finishing");
    return new Promise((done, fail) => {
      const failed = () =>
        fail(failureFrom(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      request.onload = () => (request.status === 201 ? done(JSON.parse(request.responseText)) : failed());
      request.onerror = request.onabort = failed;
      request.send(this.file);
    });
  }

  #progress(bytes) {
    this.sent = bytes;
    this.changed(this);
  }

  // A line that broke may have been the server's refusal half-way: not for ever.
  #failed(failure) {
    this.failure = failure;
    this.sent = 0;
    const again = LATER.has(failure.status) || (failure.status === 0 && this.tries < BROKEN_TRIES);
    if (!again) return this.#become("failed");
    const waitMs = failure.retryMs || 2000 * this.tries;
    this.retryAt = Date.now() / 1000 + waitMs / 1000;
    this.timer = setTimeout(() => this.begin(), waitMs);
    turnedAway.add(this);
    return this.#become("retrying");
  }

  #become(state) {
    this.state = state;
    this.changed(this);
  }
}

function next() {
  while (sending < MOST_AT_ONCE && line.length) {
    sending += 1;
    line.shift().send().finally(() => {
      sending -= 1;
      next();
    });
  }
}

// Whoever was turned away from a full queue need not wait any longer: the first of them.
export function placeIsFree() {
  [...turnedAway].find((upload) => upload.failure.code === "queue_full")?.begin();
}
