// What all pages have around them: where to go, and in which language.

import { read } from "./api.js";
import { byId } from "./dom.js";
import { speak, spoken, translate } from "./words.js";

const OTHERS = { en: ["zh", "zh-Hans", "中文"], zh: ["en", "en", "English"] };
const language = byId("language");

function offer() {
  const [code, tag, name] = OTHERS[spoken()];
  language.textContent = name;
  language.lang = tag;
  language.onclick = () => {
    speak(code);
    offer();
  };
}

// Under `stream-guard live` there are no files.
async function showFiles(link) {
  const { files } = await read("/api/streams").catch(() => ({}));
  link.hidden = !files;
}

translate();
offer();
const files = byId("to-files");
if (files.hidden) showFiles(files);
