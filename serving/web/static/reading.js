// Readings as a person sees them: first what to show, then the showing.
import { element, exact, milliseconds, percent, share, whole } from "./words.js";

const LOOK = "A human should look";
const $ = (id) => document.getElementById(id);
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

// What the server read of one digit. `bound` is the threshold that was asked for.
export function digitOnServer({ reading, model, ms }, bound) {
  const nothing = reading.reason?.startsWith("blank") ?? false;
  return {
    where: "server",
    model,
    ms,
    title: nothing ? "–" : String(reading.digit),
    accepted: reading.accepted,
    why: why(reading, bound),
    facts: nothing ? [] : [["Probability", percent(reading.confidence)]],
    bars: nothing ? [] : reading.top.map(({ digit, probability }) => [String(digit), probability, percent(probability)]),
    barsTitle: "The likeliest digits",
    digits: [],
  };
}

// What the module read in this browser; without a scale its logits are shown as such.
export function digitInBrowser({ digit, accepted, margin, threshold, logits, probabilities, pixels, ms }, module) {
  const nothing = digit === null;
  const apart = `The two best logits are ${margin} apart; from ${threshold} on the probability is high enough, whatever the other logits are.`;
  return {
    where: "browser",
    model: { name: module.model, version: module.version },
    ms,
    title: nothing ? "–" : String(digit),
    accepted,
    why: nothing ? "Blank: no ink found." : accepted ? apart : sentence(apart.replace("from", "only from")),
    facts: nothing || probabilities === null ? [] : [["Probability", percent(probabilities[digit])]],
    bars: nothing ? [] : logits.map((logit, i) => {
      return probabilities === null ? [String(i), (logit + 128) / 255, String(logit)] : [String(i), probabilities[i], percent(probabilities[i])];
    }),
    barsTitle: probabilities === null ? "Logits, −128 to 127" : "Probabilities",
    digits: [],
    pixels,
  };
}

// What the server read of an amount.
export function amountOnServer({ reading, model, ms }, bound) {
  const facts = [];
  if (reading.raw) {
    facts.push(["Amount", reading.amount ?? "in doubt, see above"], ["Digits alone", reading.text]);
    facts.push(["Probability of all of it", percent(reading.confidence)]);
  }
  return {
    where: "server",
    model,
    ms,
    title: reading.raw || "–",
    accepted: reading.accepted,
    why: why(reading, bound),
    facts,
    bars: reading.alternatives.map(({ raw, probability }) => [raw, probability, percent(probability)]),
    barsTitle: "What else may be written",
    digits: reading.digits,
  };
}

function why({ accepted, confidence, reason }, bound) {
  if (!accepted) return sentence(reason ?? "No reason was given");
  if (!bound) return "";
  const wrong = `at most ${share(bound.max_error)} of the accepted are wrong`;
  return `${exact(confidence)} reaches ${exact(bound.threshold)}, from which on ${wrong}.`;
}

// Shows a result; `times` are [where, model, ms] of those that read this picture, `chosen` gets a digit's index.
export function render(result, times, chosen) {
  $("nothing").hidden = true;
  $("reading").hidden = false;
  $("read").textContent = result.title;
  $("read").dataset.long = result.title.length > 1;
  $("verdict").textContent = result.accepted ? "Accepted" : LOOK;
  $("verdict").dataset.accepted = result.accepted;
  $("why").textContent = result.why;
  const facts = [...result.facts, ["Model", `${result.model.name}, version ${result.model.version}`]];
  $("facts").replaceChildren(
    ...facts.map(([term, text]) => element("div", {}, element("dt", { textContent: term }), element("dd", { textContent: text }))),
  );
  bars(result.bars, result.barsTitle);
  $("symbols-part").hidden = result.digits.length === 0;
  $("symbols").replaceChildren(...result.digits.map((digit, index) => symbol(digit, index, chosen)));
  const slowest = Math.max(...times.map(([, , ms]) => ms));
  $("times").replaceChildren(
    ...times.map(([where, model, ms]) => {
      const label = where === "server" ? "On the server, there and back" : "In this browser";
      return bar(label, ms / slowest, milliseconds(ms), model);
    }),
  );
}

// Rows of [label, share, text].
export function bars(rows, title) {
  $("bars-title").textContent = title;
  $("bars").parentElement.hidden = rows.length === 0;
  const most = Math.max(...rows.map(([, value]) => value));
  $("bars").replaceChildren(
    ...rows.map(([label, value, text]) => {
      const row = bar(label, value, text);
      row.classList.toggle("best", value === most && most > 0.5);
      return row;
    }),
  );
}

function bar(label, value, text, title = "") {
  const filled = element("i");
  filled.style.width = `${100 * value}%`;
  return element(
    "tr",
    {},
    element("th", { scope: "row", textContent: label, title }),
    element("td", { className: "track" }, filled),
    element("td", { textContent: text }),
  );
}

function symbol({ digit, probability }, index, chosen) {
  const button = element("button", { type: "button" }, element("b", { textContent: digit }), element("small", { textContent: percent(probability) }));
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => chosen(index));
  return button;
}

// Marks the digit whose layers are shown.
export function mark(index) {
  [...$("symbols").children].forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
  for (const part of $("boxes").children) part.classList.toggle("chosen", part.dataset.index === String(index));
}

// The boxes of digits over a picture of width × height pixels.
export function boxes(digits, width, height) {
  $("boxes").replaceChildren(
    ...digits.flatMap(({ digit, probability, box: [x, y, w, h] }, index) => {
      const parts = [element("i"), element("b", { textContent: digit }), element("small", { textContent: whole(probability) })];
      for (const part of parts) {
        part.dataset.index = index;
        const place = { "--x": x / width, "--y": y / height, "--w": w / width, "--h": h / height };
        for (const [name, value] of Object.entries(place)) part.style.setProperty(name, `${100 * value}%`);
      }
      return parts;
    }),
  );
}

// Nothing is read; `note` says so.
export function forget(note) {
  $("nothing").textContent = note;
  $("nothing").hidden = false;
  $("reading").hidden = true;
  $("seen").hidden = true;
  $("layers").replaceChildren();
  $("boxes").replaceChildren();
}

// One line for those who hear the page.
export function spoken({ title, accepted, facts }) {
  const probability = facts.find(([term]) => term.startsWith("Probability"))?.[1] ?? "";
  return title === "–" ? "Nothing is written." : `${title}. ${accepted ? "Accepted" : LOOK}. ${probability}`;
}
