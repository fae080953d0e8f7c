// What the API says of a station, in words.

const STATES = {
  starting: ["Starting", "warn"],
  live: ["Live", "good"],
  degraded: ["Covered", "warn"],
  stalled: ["No picture", "bad"],
  failed: ["Failed", "bad"],
};

const WHY = {
  starting: "The first picture has not come yet.",
  degraded: "All of the picture is covered: it cannot be checked for faces at present.",
  stalled: "The camera sends nothing; it is being connected again.",
  failed: "The camera cannot be reached until somebody changes its settings.",
};

export async function read(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`The server answers ${answer.status}.`);
  return answer.json();
}

export function showState(badge, state) {
  const [text, mood] = STATES[state] ?? [state, "warn"];
  if (badge.textContent !== text) badge.textContent = text;
  badge.dataset.mood = mood;
}

// Changed only where it differs: a screen reader speaks each change.
export function showNotice(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

export function reasonOf(station) {
  return station.state === "live" ? "" : station.reason || WHY[station.state] || "";
}

export function factsOf(station) {
  const ms = (value) => (value === null ? "–" : `${Math.round(value)} ms`);
  return [
    ["Frames per second", station.fps.toFixed(1)],
    ["Faces covered", String(station.faces)],
    ["Latency, median", ms(station.latency_ms.p50)],
    ["Latency, 95th %", ms(station.latency_ms.p95)],
    ["Size", station.width ? `${station.width} × ${station.height}` : "–"],
    ["Dropped", String(station.frames.dropped)],
    ["Reconnects", String(station.reconnects)],
    ["Viewers", String(station.viewers)],
  ];
}

export function stationInPath() {
  return decodeURIComponent(location.pathname.split("/")[2]);
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
