// A window over the page, with a heading and a way out; gone for good once closed.

import { icon, make } from "./dom.js";

let made = 0;

// A window about a job: content goes into its last child. `shown()` opens it and resolves when it is closed.
export function newDialog(job, key, values) {
  made += 1;
  const heading = make("h2", { id: `dialog-${made}`, word: key, values });
  const close = make("button", { type: "button", class: "plain close", label: "close" }, icon("close"));
  const dialog = make("dialog", { class: "window", data: { job: job.id } });
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(make("div", { class: "heading" }, heading, close), make("div", { class: "content" }));
  close.onclick = () => dialog.close();
  document.body.append(dialog);
  dialog.shown = () => {
    dialog.showModal();
    return new Promise((done) => {
      dialog.onclose = () => {
        dialog.querySelectorAll("video").forEach((video) => video.removeAttribute("src"));
        dialog.remove();
        done();
      };
    });
  };
  return dialog;
}

export function closeWindowOf(id) {
  document.querySelector(`dialog[data-job="${CSS.escape(id)}"]`)?.close();
}
