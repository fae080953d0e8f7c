// What the API says of a station, in words.

import { toldOf } from "./api.js";
import { told } from "./reasons.js";
import { put } from "./words.js";

const MOODS = { idle: "", starting: "warn", live: "good", degraded: "warn", stalled: "bad", failed: "bad" };

// Nobody publishes to it: no fault.
export const isIdle = (station) => station.whip && !station.published && station.state !== "live";

export function showState(badge, station) {
  const state = isIdle(station) ? "idle" : station.state;
  put(badge, ...(state in MOODS ? [`station.${state}`] : ["as_sent", { text: state }]));
  badge.dataset.mood = MOODS[state] ?? "warn";
}

// The last that was heard may be true no more.
export function showUnknown(badge) {
  put(badge, "station.unknown");
  badge.dataset.mood = "";
}

// Returns what to put where the API tells nothing.
export function troubleOf(error) {
  return error.code === "no_answer" ? ["stations.no_server"] : toldOf(error);
}

// Returns what to put, null where all is well.
export function reasonOf(station) {
  if (station.state === "live") return null;
  return station.reason ? told(station.reason) : [`why.${station.state}`];
}

export function factsOf(station) {
  const ms = (value) => (value === null ? ["value.none"] : ["value.ms", { ms: Math.round(value) }]);
  const { width, height } = station;
  return [
    ["live.fps", ["as_sent", { text: { decimal: station.fps } }]],
    ["live.faces", ["as_sent", { text: station.faces }]],
    ["live.p50", ms(station.latency_ms.p50)],
    ["live.p95", ms(station.latency_ms.p95)],
    ["live.size", width ? ["value.size", { width: `${width}`, height: `${height}` }] : ["value.none"]],
    ["live.dropped", ["as_sent", { text: station.frames.dropped }]],
    ["live.reconnects", ["as_sent", { text: station.reconnects }]],
    ["live.viewers", ["as_sent", { text: station.viewers }]],
  ];
}

export function stationInPath() {
  return decodeURIComponent(location.pathname.split("/")[2]);
}
