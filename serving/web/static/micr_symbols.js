// Draws the four symbols of a MICR line, which few fonts have.
import { createElement } from "./format.js";

const SIZE = [7, 9]; // modules of E-13B
// Rectangles in modules: left, top, right, bottom; as serving/images/e13b.py has them.
const SHAPES = {
  "⑆": [[0, 1.5, 2, 7.5], [4, 0, 7, 3], [4, 6, 7, 9]], // transit
  "⑇": [[0, 5, 2, 9], [3, 2.25, 4, 6.75], [5, 0, 7, 4]], // amount
  "⑈": [[0, 1.5, 1, 7.5], [2, 1.5, 3, 7.5], [4, 0.5, 7, 4.5]], // on-us
  "⑉": [[0, 2.5, 2, 6.5], [3, 2.5, 5, 6.5], [6, 2.5, 7, 6.5]], // dash
};

// The nodes of a text in which these symbols may occur.
export function withSymbols(text) {
  return [...String(text)].map((character) => (character in SHAPES ? drawn(character) : character));
}

function drawn(character) {
  const bars = SHAPES[character].map(([left, top, right, bottom]) => {
    const bar = createElement("i");
    const sides = { left: left / SIZE[0], top: top / SIZE[1], width: (right - left) / SIZE[0], height: (bottom - top) / SIZE[1] };
    for (const [side, share] of Object.entries(sides)) bar.style[side] = `${100 * share}%`;
    return bar;
  });
  return createElement("span", { className: "symbol" }, createElement("span", { className: "unseen", textContent: character }), ...bars);
}
