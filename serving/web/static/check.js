// Shows a whole check: whether it is accepted, its paper and its fields over the picture, and a list of these.
import { createElement, percent } from "./format.js";
import { withSymbols } from "./micr_symbols.js";
import { place, renderFacts, renderVerdict } from "./reading.js";

const MARGIN = 0.15; // around a field that is cut out, in its height
const MAX_CUTOUT = 1400; // pixels
const byId = (id) => document.getElementById(id);

const STATES = new Map([
  [true, ["accepted", "✓"]],
  [false, ["look", "!"]],
  [null, ["place", ""]], // which is found, not read
]);
const WORDS = { accepted: "accepted", look: "a human should look", place: "not read" };
const stateOf = ({ box, accepted }) => (box === null ? "missing" : STATES.get(accepted)[0]);
const wordsOf = (field) => (field.box === null ? "not found" : WORDS[stateOf(field)]);
const markOf = (field) => (field.box === null ? "" : STATES.get(field.accepted)[1]);

// Shows the check of a page; `picture` is null where it cannot be seen, and `onSelect` gets a field's index.
export function renderCheck(result, picture, onSelect) {
  byId("check").hidden = false;
  renderVerdict(byId("check-verdict"), result.accepted);
  byId("reasons").replaceChildren(...result.reasons.map((reason) => createElement("li", { textContent: reason })));
  renderFacts(byId("check-facts"), [...result.facts, ["Models", modelNames(result.answer)]]);
  byId("fields-part").hidden = result.fields.length === 0;
  byId("fields").replaceChildren(...result.fields.map((field, index) => selectable(listed(field), index, onSelect)));
  byId("outline").toggleAttribute("hidden", !(picture && result.corners));
  byId("places").replaceChildren(...(picture ? boxes(result.fields, picture, onSelect) : []));
  if (picture && result.corners) outline(result.corners, picture);
}

function modelNames({ models }) {
  return models.map(({ name, version }) => `${name} ${version}`).join(", ");
}

function listed(field) {
  const button = createElement(
    "button",
    { type: "button" },
    createElement("span", { textContent: field.label }),
    createElement("em", { textContent: `${markOf(field)} ${wordsOf(field)}`.trim() }),
    createElement("b", {}, ...withSymbols(field.title)),
    createElement("small", { textContent: field.confidence === null ? "" : percent(field.confidence) }),
  );
  button.dataset.state = stateOf(field);
  return button;
}

function boxes(fields, { width, height }, onSelect) {
  return fields.flatMap((field, index) => {
    if (!field.box) return [];
    const button = createElement(
      "button",
      { type: "button", ariaLabel: `${field.label} on the picture: ${field.title}, ${wordsOf(field)}` },
      createElement("span", { textContent: `${field.label} ${markOf(field)}`.trim() }),
    );
    button.dataset.state = stateOf(field);
    button.dataset.side = field.box[0] + field.box[2] / 2 > width / 2 ? "right" : "left"; // its label has room towards the middle
    place(button, field.box, width, height);
    return [selectable(button, index, onSelect)];
  });
}

// By a click, or once the keyboard has come to it.
function selectable(button, index, onSelect) {
  button.dataset.index = index;
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => onSelect(index));
  button.addEventListener("focus", () => onSelect(index));
  return button;
}

function outline(corners, { width, height }) {
  byId("outline").setAttribute("viewBox", `0 0 ${width} ${height}`);
  byId("outline").firstElementChild.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
}

// Marks the field that is shown, and cuts it out of the picture.
export function markField(result, selected, picture) {
  for (const button of document.querySelectorAll("#fields button, #places button")) {
    button.setAttribute("aria-pressed", String(button.dataset.index === String(selected)));
  }
  const { label, box } = result.fields[selected];
  byId("field-part").hidden = false;
  byId("field-title").textContent = label;
  byId("cutout").hidden = !(picture && box);
  if (byId("cutout").hidden) return;
  byId("cutout").setAttribute("aria-label", `${label}, cut out of the picture`);
  cutOut(byId("cutout"), picture, box, quarterTurns(result.corners));
}

// How often the picture has to be turned clockwise for the check to stand upright.
function quarterTurns([[x0, y0], [x1, y1]]) {
  return (4 - Math.round(Math.atan2(y1 - y0, x1 - x0) / (Math.PI / 2))) % 4;
}

function cutOut(canvas, picture, [x, y, w, h], turns) {
  const margin = MARGIN * Math.min(w, h);
  const [width, height] = [w + 2 * margin, h + 2 * margin];
  const scale = Math.min(2, MAX_CUTOUT / Math.max(width, height));
  const sides = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  [canvas.width, canvas.height] = turns % 2 ? sides.reverse() : sides;
  const context = canvas.getContext("2d");
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate((turns * Math.PI) / 2);
  context.scale(scale, scale);
  context.drawImage(picture.bitmap, x - margin, y - margin, width, height, -width / 2, -height / 2, width, height);
}

export function clearCheck() {
  byId("check").hidden = true;
  byId("field-part").hidden = true;
  byId("outline").toggleAttribute("hidden", true);
  for (const id of ["check-verdict", "reasons", "check-facts", "fields", "places"]) byId(id).replaceChildren();
}

// A line for screen readers and phones: of a field that was selected, and of the check.
export function summarizeField({ label, title, explanation, accepted }) {
  return [label, title, ...(accepted ? ["Accepted"] : []), explanation].filter((part) => part && part !== "–").join(". ");
}

export function summarizeCheck({ title, accepted, reasons }) {
  return `${title === "–" ? "No amount is read." : `${title}.`} ${accepted ? "Accepted." : `A human should look. ${reasons.join(" ")}`}`;
}
