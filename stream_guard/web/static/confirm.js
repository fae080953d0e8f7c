// Asks before something cannot be undone; Escape and the safe button mean no.

import { button, make } from "./dom.js";

export function confirmed(key, values) {
  const text = make("p", { id: "question", word: key, values });
  const dialog = make("dialog", { class: "ask" });
  dialog.setAttribute("role", "alertdialog");
  dialog.setAttribute("aria-labelledby", "question");
  const keep = button("do.keep", () => dialog.close());
  const go = button("do.delete", () => dialog.close("yes"), "danger");
  dialog.append(text, make("div", { class: "bar" }, keep, go));
  document.body.append(dialog);
  dialog.showModal();
  keep.focus();
  return new Promise((done) => {
    dialog.onclose = () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    };
  });
}
