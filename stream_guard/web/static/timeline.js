// When which face was covered: a bar a track, as few rows as do without overlap, and the same as a list.

import { make, makeSvg } from "./dom.js";
import { put } from "./words.js";

const MOST_ROWS = 24;
const MOST_LISTED = 200;
const ROW_PX = 10;
const GAP_PX = 3;

// `seek` is called with seconds, null where there is no video to be moved.
export function timeline(report, length_s, seek) {
  const tracks = [...report.tracks].sort((a, b) => a.first_s - b.first_s);
  const { rows, left } = packed(tracks, length_s);
  const height = Math.max(rows.length, 1) * (ROW_PX + GAP_PX);
  const bars = rows.flatMap((row, i) => row.map((track) => bar(track, i, length_s)));
  const cursor = makeSvg("line", { class: "cursor", y1: 0, y2: height });
  const chart = makeSvg(
    "svg", { class: "timeline", role: "img", viewBox: `0 0 1000 ${height}`, preserveAspectRatio: "none" },
    ...bars, cursor,
  );
  chart.style.height = `${height}px`;
  put(chart, "timeline.all", { n: tracks.length, length: { clock: length_s } }, "label");
  if (seek) chart.addEventListener("click", (event) => seek(length_s * shareAt(chart, event)));
  const scale = make(
    "div", { class: "scale quiet", ariaHidden: "true" },
    ...[0, 0.5, 1].map((part) => make("span", { word: "time.at", values: { time: { clock: part * length_s } } })),
  );
  const more = left ? [make("p", { class: "quiet", word: "timeline.more", values: { n: left } })] : [];
  const follow = (time_s) => {
    const x = (1000 * time_s) / length_s;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  };
  return { element: make("div", {}, chart, scale, ...more, list(tracks, seek)), follow };
}

function shareAt(chart, event) {
  const box = chart.getBoundingClientRect();
  return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
}

// Puts each track into the first row that is free again; what finds none is counted.
function packed(tracks, length_s) {
  const rows = [];
  const ends = [];
  let left = 0;
  for (const track of tracks) {
    const free = ends.findIndex((end_s) => end_s < track.first_s - 0.004 * length_s);
    const at = free < 0 ? rows.length : free;
    if (at >= MOST_ROWS) left += 1;
    else {
      (rows[at] ??= []).push(track);
      ends[at] = track.last_s;
    }
  }
  return { rows, left };
}

function bar(track, row, length_s) {
  const x = (1000 * track.first_s) / length_s;
  const width = Math.max((1000 * (track.last_s - track.first_s)) / length_s, 4);
  return makeSvg("rect", { x, width, y: row * (ROW_PX + GAP_PX), height: ROW_PX, rx: 2 });
}

function list(tracks, seek) {
  const shown = tracks.slice(0, MOST_LISTED).map((track) => make("li", {}, entry(track, seek)));
  const left = tracks.length - shown.length;
  if (left) shown.push(make("li", { word: "timeline.more", values: { n: left } }));
  return make("details", {}, make("summary", { word: "part.list" }), make("ul", { class: "tracks" }, ...shown));
}

function entry(track, seek) {
  const values = { track: `${track.track}`, from: { clock: track.first_s }, to: { clock: track.last_s } };
  const given = { word: "timeline.span", values };
  if (!seek) return make("span", given);
  return make("button", { ...given, type: "button", class: "plain", onclick: () => seek(track.first_s) });
}
