// The review of checks: one field in doubt after the other, corrected by keyboard. Answers are kept in the browser under
// the review's own key, and saved as a file, one JSON object a line, which `checkreader labels` takes.
"use strict";
const byId = (id) => document.getElementById(id);
const review = JSON.parse(byId("review").textContent);
const items = review.checks.flatMap((check) => check.fields.map((field) => ({ check, field })));
const storageKey = `checkreader-review-${review.id}`;
const NAMES = { amount: "Amount", date: "Date", micr: "MICR line" };
const HINTS = {
  amount: "As it is written, with its points and commas. Cents behind a point, where they are raised. x is a cross.",
  date: "As it is written, in digits, with its separators.",
  micr: "A is transit (a bar and two squares), B amount (a bar between two squares), C on-us (two bars and a square), D dash (three short bars). Blanks do not matter.",
};
const SYMBOLS = { amount: /^[0-9.,·/x -]+$/, date: /^[0-9.,·/ -]+$/, micr: /^[0-9A-D ]+$/ };
const MICR_LETTERS = { "⑆": "A", "⑇": "B", "⑈": "C", "⑉": "D" };
const STATES = { taken: "taken", skipped: "skipped" };
const COMMAND = "checkreader labels corrections.jsonl --review FOLDER --to labeled";

// For each field's key its text and its state; no state: begun.
let answers = {};
let position = -1;

const state = ({ field }) => answers[field.key]?.state;
const isShown = ({ field }) => !byId("shown").value || field.name === byId("shown").value;
const shownItems = () => items.filter(isShown);
const taken = () => items.filter((item) => state(item) === "taken");
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function load() {
  try {
    answers = JSON.parse(localStorage.getItem(storageKey)) ?? {};
  } catch {
    byId("problem").textContent = "This browser keeps nothing: save before you close or reload the page.";
  }
}

function keep() {
  try {
    localStorage.setItem(storageKey, JSON.stringify(answers));
  } catch (error) {
    byId("problem").textContent = `The answers cannot be kept in this browser (${error.name}): save before you close the page.`;
  }
}

function written(text, name) {
  const trimmed = text.trim();
  if (name !== "micr") return trimmed.replaceAll("X", "x");
  return trimmed.toUpperCase().replace(/[⑆⑇⑈⑉]/g, (symbol) => MICR_LETTERS[symbol]);
}

function mistake(text, name) {
  if (!/[0-9]/.test(text)) return "Write what stands there, or skip the field.";
  if (SYMBOLS[name].test(text)) return "";
  return name === "micr" ? "Only digits, A, B, C, D and blanks." : "Only digits and the marks . , / -" + (name === "amount" ? " and x." : ".");
}

function showProgress() {
  const shown = shownItems();
  const done = shown.filter(state).length;
  byId("progress").max = Math.max(shown.length, 1);
  byId("progress").value = done;
  byId("count").textContent = `${done} of ${count(shown.length, "field")} done`;
  byId("save").disabled = !taken().length;
}

function showPicture(image, source) {
  if (source) image.src = source;
  else image.removeAttribute("src");
  image.hidden = !source;
}

function show(index, { focus = true } = {}) {
  position = index;
  const item = items[index];
  const { check, field } = item;
  byId("item").hidden = false;
  byId("done").hidden = true;
  byId("crop").className = `crop ${field.name}${field.crop ? "" : " missing"}`;
  byId("crop-picture").alt = `${NAMES[field.name]} of ${check.file}`;
  showPicture(byId("crop-picture"), field.crop);
  byId("words").hidden = !check.words || field.name !== "amount";
  showPicture(byId("words-picture"), byId("words").hidden ? null : check.words);
  showPicture(byId("check-picture"), check.picture);
  byId("outline").hidden = !field.place;
  if (field.place) {
    const edges = ["left", "top", "width", "height"];
    edges.forEach((edge, number) => { byId("outline").style[edge] = `${100 * field.place[number]}%`; });
  }
  byId("name").textContent = NAMES[field.name];
  byId("hint").textContent = HINTS[field.name];
  byId("reason").textContent = field.reason;
  const meaning = field.meaning && field.meaning !== field.read ? `, which means ${field.meaning}` : "";
  byId("read").textContent = field.read ? field.read + meaning : "nothing";
  byId("confidence").textContent = field.confidence === null ? "–" : `${(100 * field.confidence).toFixed(1)} %`;
  byId("state").textContent = STATES[state(item)] ?? "open";
  byId("file").textContent = check.pages > 1 ? `${check.file}, page ${check.page} of ${check.pages}` : check.file;
  setMistake("");
  byId("text").value = answers[field.key]?.text ?? field.read;
  byId("text").autocapitalize = field.name === "micr" ? "characters" : "off";
  showProgress();
  if (focus) {
    byId("text").focus({ preventScroll: true });
    byId("text").select();
  }
  const after = items.slice(index + 1).find(isShown);
  if (after?.field.crop) new Image().src = after.field.crop;
}

function setMistake(text) {
  byId("mistake").textContent = text;
  byId("text").setAttribute("aria-invalid", String(Boolean(text)));
}

function showEnd() {
  position = items.length;
  byId("item").hidden = true;
  byId("done").hidden = false;
  const open = shownItems().filter((item) => !state(item)).length;
  byId("done-title").textContent = !items.length ? "Nothing to correct." : open ? `${count(open, "field")} still open` : "All done.";
  byId("done-text").textContent = items.length
    ? `${count(taken().length, "correction")}. Save them, then: ${COMMAND}`
    : `${review.accepted} of ${count(review.read, "page")} accepted.`;
  showProgress();
  byId("done").focus({ preventScroll: true });
}

// Goes to the next or previous field that is shown; behind the last is the end.
function move(step) {
  let index = position + step;
  while (index >= 0 && index < items.length && !isShown(items[index])) index += step;
  if (index >= items.length) showEnd();
  else if (index >= 0) show(index);
}

function answer(newState) {
  if (position < 0 || position >= items.length) return;
  const { field } = items[position];
  const text = written(byId("text").value, field.name);
  if (newState === "taken" && mistake(text, field.name)) {
    setMistake(mistake(text, field.name));
    byId("text").focus();
    return;
  }
  answers[field.key] = { text, state: newState };
  keep();
  move(1);
}

function save() {
  const corrections = taken();
  if (!corrections.length) return;
  const lines = corrections.map(({ check, field }) => JSON.stringify({
    review: review.id, key: field.key, file: check.file, page: check.page, field: field.name, read: field.read, text: answers[field.key].text,
  }));
  const address = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: "corrections.jsonl" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  byId("saved").textContent = `${count(corrections.length, "correction")} saved as corrections.jsonl. Next: ${COMMAND}`;
}

function forget() {
  if (!confirm("Forget every answer of this review? What is not saved is lost.")) return;
  answers = {};
  try { localStorage.removeItem(storageKey); } catch { /* it keeps nothing anyway */ }
  byId("saved").textContent = "";
  start();
}

function showUnread() {
  byId("unread").hidden = !review.unread.length;
  byId("unread-title").textContent = `Nothing to correct on ${count(review.unread.length, "page")}: not read, or no check`;
  byId("unread-rows").replaceChildren(...review.unread.map(({ file, page, reason }) => {
    const row = document.createElement("tr");
    for (const text of [file, page ?? "", reason]) row.insertCell().textContent = text;
    return row;
  }));
}

function start() {
  const open = items.findIndex((item) => isShown(item) && !state(item));
  // A finger does not want the keyboard to rise before it has seen the field.
  if (open >= 0) show(open, { focus: matchMedia("(hover: hover)").matches });
  else showEnd();
}

byId("item").addEventListener("submit", (event) => { event.preventDefault(); answer("taken"); });
byId("text").addEventListener("input", () => {
  const { field } = items[position];
  setMistake("");
  answers[field.key] = { ...answers[field.key], text: byId("text").value };
  delete answers[field.key].state;
  byId("state").textContent = "open";
  keep();
  showProgress();
});
byId("skip").addEventListener("click", () => answer("skipped"));
byId("previous").addEventListener("click", () => move(-1));
byId("next").addEventListener("click", () => move(1));
byId("save").addEventListener("click", save);
byId("forget").addEventListener("click", forget);
byId("shown").addEventListener("change", start);
for (const image of ["crop-picture", "words-picture", "check-picture"]) {
  byId(image).addEventListener("error", () => {
    byId("problem").textContent = "A picture of this review is missing: keep index.html together with its folders crops and checks.";
  });
}
document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && event.repeat) return event.preventDefault(); // a key that is held takes one field only
  const isSave = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && event.target.id !== "shown";
  const actions = { Escape: () => answer("skipped"), ArrowUp: () => move(-1), ArrowDown: () => move(1) };
  const action = isSave ? save : isPlain ? actions[event.key] : undefined;
  if (!action) return;
  event.preventDefault();
  action();
});

load();
byId("filter").hidden = new Set(items.map(({ field }) => field.name)).size < 2;
byId("bar").hidden = !items.length;
byId("save").hidden = !items.length;
showUnread();
start();
document.documentElement.dataset.ready = "";
