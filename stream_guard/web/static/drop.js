// Files come by the button, by dropping them anywhere on the page, or by pasting.

import { byId } from "./dom.js";

export function takeFiles(add) {
  const [picked, veil] = [byId("picked"), byId("veil")];
  byId("choose").onclick = () => picked.click();
  picked.onchange = () => {
    add([...picked.files]);
    picked.value = "";
  };
  let depth = 0; // of elements entered: leaving a child is no leaving of the page
  const within = (event, step) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    depth = Math.max(0, depth + step);
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => within(event, 1));
  addEventListener("dragover", (event) => within(event, 0));
  addEventListener("dragleave", (event) => within(event, -1));
  addEventListener("drop", async (event) => {
    within(event, -depth);
    add(await filesIn(event.dataTransfer));
  });
  addEventListener("paste", (event) => add([...event.clipboardData.files]));
}

// Folders are gone through. What a browser tells of them must be taken hold of before the event is over.
async function filesIn(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const found = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  return (await Promise.all(found.map((one) => (one instanceof File ? one : filesUnder(one))))).flat();
}

async function filesUnder(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const found = [];
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesUnder))).flat());
  }
}
