// Shows results, as `results.js` makes them.
import { createElement, milliseconds, percent, wholePercent } from "./format.js";
import { withSymbols } from "./micr_symbols.js";

const NOT_ACCEPTED = "A human should look";
const byId = (id) => document.getElementById(id);

// Shows a result. `timings` are [runtime, model, ms] of those that read this picture; `onSelect` gets a digit's index; null:
// nothing more can be shown of one.
export function renderResult(result, timings, onSelect) {
  byId("nothing").hidden = true;
  byId("reading").hidden = false;
  byId("read").replaceChildren(...withSymbols(result.title));
  byId("read").dataset.long = result.title.length > 1;
  renderVerdict(byId("verdict"), result.accepted);
  byId("why").textContent = result.explanation;
  const { model } = result;
  renderFacts(byId("facts"), model ? [...result.facts, ["Model", `${model.name}, version ${model.version}`]] : result.facts);
  renderBars(result.bars, result.barsTitle);
  byId("symbols-part").hidden = result.digits.length === 0;
  byId("symbols").replaceChildren(...result.digits.map((digit, index) => digitElement(digit, index, onSelect)));
  const slowest = Math.max(...timings.map(([, , ms]) => ms));
  byId("times").replaceChildren(
    ...timings.map(([runtime, model, ms]) => {
      const label = runtime === "server" ? "On the server, there and back" : "In this browser";
      return barRow(label, ms / slowest, milliseconds(ms), model);
    }),
  );
}

// Says whether something is accepted; null: it is nothing that could be.
export function renderVerdict(element, accepted) {
  element.hidden = accepted === null;
  element.textContent = accepted ? "Accepted" : NOT_ACCEPTED;
  element.dataset.accepted = accepted;
}

// Facts are [term, text].
export function renderFacts(list, facts) {
  list.replaceChildren(
    ...facts.map(([term, text]) => {
      return createElement("div", {}, createElement("dt", { textContent: term }), createElement("dd", { textContent: text }));
    }),
  );
}

// Rows of [label, share, text].
export function renderBars(rows, title) {
  byId("bars-title").textContent = title;
  byId("bars").parentElement.hidden = rows.length === 0;
  const largest = Math.max(...rows.map(([, share]) => share));
  byId("bars").replaceChildren(
    ...rows.map(([label, share, text]) => {
      const row = barRow(label, share, text);
      row.classList.toggle("best", share === largest && largest > 0.5);
      return row;
    }),
  );
}

function barRow(label, share, text, title = "") {
  const bar = createElement("i");
  bar.style.width = `${100 * share}%`;
  return createElement(
    "tr",
    {},
    createElement("th", { scope: "row", textContent: label, title }),
    createElement("td", { className: "track" }, bar),
    createElement("td", { textContent: text }),
  );
}

// Shows what is read on each page, where there are several; `onSelect` gets a page's index.
export function renderPages(results, selected, onSelect) {
  byId("pages-part").hidden = results.length < 2;
  byId("pages").replaceChildren(
    ...results.map(({ title, page, accepted }, index) => {
      const label = `page ${page}${accepted ? ", accepted" : ""}`;
      const button = createElement(
        "button",
        { type: "button" },
        createElement("b", {}, ...withSymbols(title)),
        createElement("small", { textContent: label }),
      );
      button.setAttribute("aria-pressed", String(index === selected));
      button.addEventListener("click", () => onSelect(index));
      return button;
    }),
  );
}

// A button where a digit can be selected, else its text.
function digitElement({ digit, probability }, index, onSelect) {
  const parts = [createElement("b", { textContent: digit }), createElement("small", { textContent: percent(probability) })];
  if (!onSelect) return createElement("span", {}, ...parts);
  const button = createElement("button", { type: "button" }, ...parts);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => onSelect(index));
  return button;
}

// Marks the digit whose layers are shown.
export function markDigit(selected) {
  [...byId("symbols").children].forEach((button, index) => button.setAttribute("aria-pressed", String(index === selected)));
  for (const part of byId("boxes").children) part.classList.toggle("chosen", part.dataset.index === String(selected));
}

// Places an element at a box [x, y, width, height] of a picture of width × height pixels.
export function place(element, [x, y, w, h], width, height) {
  const position = { "--x": x / width, "--y": y / height, "--w": w / width, "--h": h / height };
  for (const [name, share] of Object.entries(position)) element.style.setProperty(name, `${100 * share}%`);
}

// Draws the boxes of digits over a picture of width × height pixels.
export function renderBoxes(digits, width, height) {
  byId("boxes").replaceChildren(
    ...digits.flatMap(({ digit, probability, box: [x, y, w, h] }, index) => {
      const parts = [
        createElement("i"),
        createElement("b", {}, ...withSymbols(digit)),
        ...(probability === undefined ? [] : [createElement("small", { textContent: wholePercent(probability) })]),
      ];
      for (const part of parts) {
        part.dataset.index = index;
        place(part, [x, y, w, h], width, height);
      }
      return parts;
    }),
  );
}

// Hides the result and shows a note in its place.
export function clearResult(note) {
  byId("nothing").textContent = note;
  byId("nothing").hidden = false;
  byId("reading").hidden = true;
  byId("pages-part").hidden = true;
  for (const id of ["read", "verdict", "why", "spoken"]) byId(id).textContent = "";
  byId("seen").hidden = true;
  byId("layers").replaceChildren();
  byId("boxes").replaceChildren();
}

// One line for screen readers.
export function summarize({ title, accepted, facts }) {
  const probability = facts.find(([term]) => term.startsWith("Probability"))?.[1] ?? "";
  return title === "–" ? "Nothing is written." : `${title}. ${accepted ? "Accepted" : NOT_ACCEPTED}. ${probability}`;
}
