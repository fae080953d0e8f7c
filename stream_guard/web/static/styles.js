// The styles side by side, each with a small picture of what it does to a face.

import { make } from "./dom.js";
import { choiceOf } from "./fields.js";
import { put } from "./words.js";

const WEAK = "classic";
let groups = 0;

export function styleCards(field) {
  groups += 1;
  const others = field.choices.filter((style) => style !== field.initial);
  const cards = [field.initial, ...others].map((style) => card(field, style, `style-${groups}`));
  const element = make("fieldset", { class: "styles" }, make("legend", { word: "options.style" }));
  element.append(make("div", { class: "cards" }, ...cards.map((one) => one.element)));
  return {
    element,
    read: () => cards.find((one) => one.input.checked)?.style ?? field.initial,
    write: (style) => cards.forEach((one) => (one.input.checked = one.style === style)),
    // A weak style is offered where weak ones are permitted, and to nobody else.
    show: (address, weakToo) => {
      for (const { style, element: item, input, picture } of cards) {
        item.hidden = style === WEAK && !weakToo && !input.checked;
        const src = address(style, style === WEAK);
        if (!item.hidden && picture.getAttribute("src") !== src) picture.src = src;
      }
    },
  };
}

function card(field, style, name) {
  const input = make("input", { type: "radio", name, value: style });
  const picture = make("img", { loading: "lazy", width: 160, height: 160, alt: "" });
  const said = put(make("span"), ...choiceOf(field, style));
  return { style, input, picture, element: make("label", { class: "style" }, input, picture, said) };
}
