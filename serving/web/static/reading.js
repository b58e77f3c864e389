// Turns readings into results for people, and shows these.
// A result has runtime, model, ms, page, title, accepted, explanation, facts, bars, barsTitle, digits and, in the browser, pixels.
import { createElement, exactPercent, milliseconds, percent, shortPercent, wholePercent } from "./format.js";

const NOT_ACCEPTED = "A human should look";
const byId = (id) => document.getElementById(id);

function toSentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

// The result of a digit that the server has read at `threshold`.
export function digitFromServer({ reading, model, ms }, threshold) {
  const blank = reading.reason?.startsWith("blank") ?? false;
  return {
    runtime: "server",
    model,
    ms,
    page: reading.page,
    title: blank ? "–" : String(reading.digit),
    accepted: reading.accepted,
    explanation: explain(reading, threshold),
    facts: blank ? [] : [["Probability", percent(reading.confidence)]],
    bars: blank ? [] : reading.top.map(({ digit, probability }) => [String(digit), probability, percent(probability)]),
    barsTitle: "The likeliest digits",
    digits: [],
  };
}

// The result of a digit that the module has read in this browser; without a scale its logits are shown as such.
export function digitFromBrowser({ digit, accepted, margin, threshold, appliedMaxError, logits, probabilities, pixels, ms }, module) {
  const blank = digit === null;
  const margins = appliedMaxError === null ? "No certified error bound is as small as the wanted one" : margin < 0 ? "The other logits are not low enough for a digit" : `The two best logits are ${margin} apart; from ${threshold} on the probability is high enough, whatever the other logits are.`;
  return {
    runtime: "browser",
    model: { name: module.model, version: module.version },
    ms,
    page: 1,
    title: blank ? "–" : String(digit),
    accepted,
    explanation: blank ? "Blank: no ink found." : accepted ? margins : toSentence(margins.replace("from", "only from")),
    facts: blank || probabilities === null ? [] : [["Probability", percent(probabilities[digit])]],
    bars: blank ? [] : logits.map((logit, i) => {
      return probabilities === null ? [String(i), (logit + 128) / 255, String(logit)] : [String(i), probabilities[i], percent(probabilities[i])];
    }),
    barsTitle: probabilities === null ? "Logits, −128 to 127" : "Probabilities",
    digits: [],
    pixels,
  };
}

// The result of an amount that the server has read at `threshold`.
export function amountFromServer({ reading, model, ms }, threshold) {
  const facts = [];
  if (reading.raw) {
    facts.push(["Amount", reading.amount ?? "in doubt, see above"], ["Digits alone", reading.text]);
    facts.push(["Probability of all of it", percent(reading.confidence)]);
  }
  return {
    runtime: "server",
    model,
    ms,
    page: reading.page,
    title: reading.raw || "–",
    accepted: reading.accepted,
    explanation: explain(reading, threshold),
    facts,
    bars: reading.alternatives.map(({ raw, probability }) => [raw, probability, percent(probability)]),
    barsTitle: "What else may be written",
    digits: reading.digits,
  };
}

function explain({ accepted, confidence, reason }, threshold) {
  if (!accepted) return toSentence(reason ?? "No reason was given");
  if (!threshold) return "";
  const guarantee = `at most ${shortPercent(threshold.max_error)} of the accepted are wrong`;
  return `${exactPercent(confidence)} reaches ${exactPercent(threshold.threshold)}, from which on ${guarantee}.`;
}

// Shows a result. `timings` are [runtime, model, ms] of those that read this picture; `onSelect` gets a digit's index.
export function renderResult(result, timings, onSelect) {
  byId("nothing").hidden = true;
  byId("reading").hidden = false;
  byId("read").textContent = result.title;
  byId("read").dataset.long = result.title.length > 1;
  byId("verdict").textContent = result.accepted ? "Accepted" : NOT_ACCEPTED;
  byId("verdict").dataset.accepted = result.accepted;
  byId("why").textContent = result.explanation;
  const facts = [...result.facts, ["Model", `${result.model.name}, version ${result.model.version}`]];
  byId("facts").replaceChildren(
    ...facts.map(([term, text]) => {
      return createElement("div", {}, createElement("dt", { textContent: term }), createElement("dd", { textContent: text }));
    }),
  );
  renderBars(result.bars, result.barsTitle);
  byId("symbols-part").hidden = result.digits.length === 0;
  byId("symbols").replaceChildren(...result.digits.map((digit, index) => digitButton(digit, index, onSelect)));
  const slowest = Math.max(...timings.map(([, , ms]) => ms));
  byId("times").replaceChildren(
    ...timings.map(([runtime, model, ms]) => {
      const label = runtime === "server" ? "On the server, there and back" : "In this browser";
      return barRow(label, ms / slowest, milliseconds(ms), model);
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
        createElement("b", { textContent: title }),
        createElement("small", { textContent: label }),
      );
      button.setAttribute("aria-pressed", String(index === selected));
      button.addEventListener("click", () => onSelect(index));
      return button;
    }),
  );
}

function digitButton({ digit, probability }, index, onSelect) {
  const button = createElement(
    "button",
    { type: "button" },
    createElement("b", { textContent: digit }),
    createElement("small", { textContent: percent(probability) }),
  );
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => onSelect(index));
  return button;
}

// Marks the digit whose layers are shown.
export function markDigit(selected) {
  [...byId("symbols").children].forEach((button, index) => button.setAttribute("aria-pressed", String(index === selected)));
  for (const part of byId("boxes").children) part.classList.toggle("chosen", part.dataset.index === String(selected));
}

// Draws the boxes of digits over a picture of width × height pixels.
export function renderBoxes(digits, width, height) {
  byId("boxes").replaceChildren(
    ...digits.flatMap(({ digit, probability, box: [x, y, w, h] }, index) => {
      const parts = [
        createElement("i"),
        createElement("b", { textContent: digit }),
        createElement("small", { textContent: wholePercent(probability) }),
      ];
      for (const part of parts) {
        part.dataset.index = index;
        const position = { "--x": x / width, "--y": y / height, "--w": w / width, "--h": h / height };
        for (const [name, share] of Object.entries(position)) part.style.setProperty(name, `${100 * share}%`);
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
