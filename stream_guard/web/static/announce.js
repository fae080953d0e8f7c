// Says aloud what has ended, for those who do not see the list: several at once in one sentence.

import { byId, settled } from "./dom.js";
import { put } from "./words.js";

const QUIET_MS = 1500;
const heard = { "files.ended": [], "files.failed": [], "files.added": [] };

const speak = settled(() => {
  for (const [key, names] of Object.entries(heard)) {
    const last = names[names.length - 1];
    if (last !== undefined) put(byId("said"), key, { n: names.length, name: last });
    names.length = 0;
  }
}, QUIET_MS);

export function announce(key, name) {
  heard[key].push(name);
  speak();
}
