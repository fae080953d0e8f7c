// A redacted picture and its original in one place; a slider says how much of the original is seen.

import { make, notice } from "./dom.js";
import { slider } from "./fields.js";
import { put } from "./words.js";

// At first nothing of the original is shown: what goes out is what one sees.
export function comparison(result, original) {
  const after = make("img", { class: "after" });
  const before = make("img", { class: "before" });
  const edge = make("div", { class: "edge" });
  const stage = make("div", { class: "stage picture" }, after, before, edge);
  const trouble = make("p", { class: "quiet", hidden: true });
  put(after, "result.picture", undefined, "alt");
  put(before, "result.original", undefined, "alt");
  const range = { min: 0, max: 1, step: 0.01 };
  const split = slider(["result.compare"], "result.compare.help", range, (share) => [
    "result.compare.value", { share: { share } },
  ]);
  const show = () => stage.style.setProperty("--split", `${100 * split.read()}%`);
  split.element.addEventListener("input", show);
  split.write(0);
  show();
  before.onerror = () => {
    before.hidden = edge.hidden = split.element.hidden = true;
    notice(trouble, ["result.no_original"]);
  };
  after.onerror = () => {
    stage.hidden = split.element.hidden = true;
    notice(trouble, ["result.no_picture"]);
  };
  drag(stage, (share) => {
    split.write(share);
    show();
  });
  after.src = result;
  before.src = original;
  return make("div", {}, stage, split.element, trouble);
}

// The edge follows a finger or a mouse that is pressed on the picture.
function drag(stage, move) {
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    move(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
  };
  stage.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    at(event);
  });
  stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && at(event));
}
