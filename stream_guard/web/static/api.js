// The server's HTTP interface; what it refuses is a Failure with the server's own code.

import { knows } from "./words.js";

export class Failure extends Error {
  constructor(status, code, detail, retryS = 0) {
    super(detail);
    Object.assign(this, { status, code, retryMs: 1000 * retryS });
  }
}

// What to put on the page of an error, whoever threw it.
export function toldOf(error) {
  return tellError(error.code, error.message, error.status);
}

// Own words if there are any, else the server's.
export function tellError(code, message, status = 0) {
  if (code && knows(`error.${code}`)) return [`error.${code}`, { message: message ?? "" }];
  if (message) return ["as_sent", { text: message }];
  return ["error.other", { status }];
}

export function failureFrom(status, text, retryS) {
  const told = parsed(text);
  const detail = typeof told.detail === "string" ? told.detail : "";
  return new Failure(status, told.code ?? codeOf(status), detail, Number(retryS) || 0);
}

function codeOf(status) {
  return { 0: "no_answer", 401: "token_needed", 403: "token_needed" }[status] ?? "";
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

export async function ask(method, path, body = undefined) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await reach(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw failureFrom(answer.status, text, answer.headers.get("Retry-After"));
  return text ? JSON.parse(text) : null;
}

// `fetch`, whose failure is that nobody answers.
export function reach(path, how) {
  return fetch(path, how).catch(() => {
    throw failureFrom(0, "");
  });
}

export const read = (path) => ask("GET", path);

export const jobPath = (id, rest = "") => `/api/jobs/${encodeURIComponent(id)}${rest}`;

export function withSettings(path, settings, more = {}) {
  return `${path}?${new URLSearchParams({ ...more, settings: JSON.stringify(settings) })}`;
}

const RETRY_MS = 2000;

// Follows all jobs while the page is seen; `back` is called whenever the line is (again) there. A page that
// nobody sees lets go of it: a browser has but six connections to one server, for all of its pages.
export function followJobs({ job, deleted, back, lost }) {
  let events = null;
  const open = () => {
    if (document.hidden || events?.readyState < EventSource.CLOSED) return;
    events = new EventSource("/api/jobs/events");
    events.onopen = back;
    events.addEventListener("job", (event) => job(JSON.parse(event.data)));
    events.addEventListener("deleted", (event) => deleted(JSON.parse(event.data).id));
    events.onerror = () => {
      lost();
      setTimeout(open, RETRY_MS); // where it does not try again by itself
    };
  };
  const seen = () => (document.hidden ? events?.close() : open());
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", () => events?.close());
  addEventListener("pageshow", open);
  open();
}
