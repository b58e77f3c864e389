// Turns readings into results for people.
// A result has runtime, model, ms, page, title, accepted, explanation, facts, bars, barsTitle, digits, the service's answer
// and, in the browser, pixels. That of a check has reasons, corners and fields, each a result with name, label and box.
import { exactPercent, percent, shortPercent } from "./format.js";

function toSentence(text) {
  return `${sentenceCase(text)}${/[.!?]$/.test(text) ? "" : "."}`;
}

function sentenceCase(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}`;
}

// The result of a digit that the server has read at `threshold`.
function digitFromServer({ reading, answer, ms }, threshold) {
  const blank = reading.reason?.startsWith("blank") ?? false;
  return {
    runtime: "server",
    model: answer.model,
    ms,
    page: reading.page,
    title: blank ? "–" : String(reading.digit),
    accepted: reading.accepted,
    explanation: explain(reading, threshold),
    facts: blank ? [] : [["Probability", percent(reading.confidence)]],
    bars: blank ? [] : reading.top.map(({ digit, probability }) => [String(digit), probability, percent(probability)]),
    barsTitle: "The likeliest digits",
    digits: [],
    answer,
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
    answer: null,
    pixels,
  };
}

// The result of an amount, a number or a date that the server has read at `threshold`.
function fieldFromServer({ reading, answer, ms }, threshold) {
  return { runtime: "server", model: answer.model, ms, page: reading.page, answer, ...describeField(reading, threshold) };
}

// The result of a MICR line.
function lineFromServer({ reading, answer, ms }, threshold) {
  return { runtime: "server", model: answer.model, ms, page: reading.page, answer, ...describeLine(reading, threshold) };
}

// The result of a whole check: of its fields each is a result without a model of its own. `box` is null where a field
// was not found, `accepted` where it is not read.
function checkFromServer({ reading, answer, ms }, _, models) {
  const { quality, fields } = reading;
  const read = (field, description) => field && description(field, boundOf(models.field, field));
  const results = {
    amount: read(fields.amount, describeField),
    date: read(fields.date, describeField),
    micr: fields.micr && describeLine(fields.micr, boundOf(models.micr, fields.micr)),
    check_number: read(fields.check_number, describeField),
    words: fields.words && { ...NOTHING, accepted: null, explanation: "The amount in words is found, not read." },
  };
  const facts = [];
  if (quality) {
    const width = `${Math.round(quality.width).toLocaleString("en")} pixels wide`;
    facts.push(["Picture", [...quality.problems, width].join(", ")]);
  }
  const bound = reading.applied_max_error;
  if (bound !== null) facts.push(["Tolerated error, amount and MICR line together", shortPercent(bound)]);
  return {
    runtime: "server",
    model: { name: answer.models.map(({ name }) => name).join(", "), version: answer.models.map(({ version }) => version).join(", ") },
    ms,
    page: reading.page,
    title: results.amount?.title ?? "–",
    accepted: reading.accepted,
    explanation: "",
    reasons: reading.reasons.map(toSentence),
    facts,
    corners: reading.corners,
    fields: reading.corners === null ? [] : Object.entries(FIELD_LABELS).map(([name, label]) => {
      const missing = { ...NOTHING, accepted: name === "words" ? null : false, explanation: "Not found on this check." };
      const result = results[name] ?? missing;
      const score = fields[name]?.score ?? null;
      const place = score === null ? [] : [["Probability of the place", percent(score)]];
      return { name, label, box: fields[name]?.box ?? null, ...result, facts: [...result.facts, ...place] };
    }),
    digits: [],
    answer,
  };
}

const FIELD_LABELS = { amount: "Amount", date: "Date", micr: "MICR line", check_number: "Check number", words: "Amount in words" };
const NOTHING = { title: "–", confidence: null, facts: [], bars: [], barsTitle: "", digits: [] };
const FROM_SERVER = {
  digit: digitFromServer, amount: fieldFromServer, number: fieldFromServer, date: fieldFromServer, micr: lineFromServer, check: checkFromServer,
};

// The results of a picture that the server has read, one for each page. `threshold` is the selected one of the model that
// reads; `models` are those of the page.
export function resultsFromServer(kind, { answer, readings, ms }, threshold, models) {
  return readings.map((reading) => FROM_SERVER[kind]({ reading, answer, ms }, threshold, models));
}

function boundOf(model, { applied_max_error: applied }) {
  return model?.thresholds.find(({ max_error: maxError }) => maxError === applied);
}

function describeField(reading, threshold) {
  const facts = [];
  if (reading.raw) {
    if ("amount" in reading && !reading.date) facts.push(["Amount", reading.amount ?? "in doubt, see above"]);
    if (reading.date) facts.push(["Date", reading.date]);
    facts.push(["Digits alone", reading.text], ["Probability of all of it", percent(reading.confidence)]);
    if (reading.check_digit) facts.push(checkDigitFact(reading.check_digit));
  }
  return {
    title: reading.raw || "–",
    accepted: reading.accepted,
    confidence: reading.raw ? reading.confidence : null,
    explanation: explain(reading, threshold),
    facts,
    bars: reading.alternatives.map(({ raw, probability }) => [raw, probability, percent(probability)]),
    barsTitle: "What else may be written",
    digits: reading.digits,
  };
}

function describeLine(reading, threshold) {
  const facts = Object.entries(reading.fields).map(([name, { text, confidence }]) => {
    return [sentenceCase(name.replaceAll("_", " ")), `${text} (${percent(confidence)})`];
  });
  if (reading.text) {
    if (reading.check_digit) facts.push(checkDigitFact(reading.check_digit));
    facts.push(["Probability of all of it", percent(reading.confidence)], ["In letters", reading.text]);
  }
  const symbols = [...reading.symbols].filter((symbol) => symbol !== " ");
  return {
    title: reading.symbols || "–",
    accepted: reading.accepted,
    confidence: reading.text ? reading.confidence : null,
    explanation: explain(reading, threshold),
    facts,
    bars: [],
    barsTitle: "",
    digits: [],
    boxes: reading.boxes.map((box, index) => ({ digit: symbols[index], box })),
  };
}

function checkDigitFact({ scheme, valid, corrected_from: corrected }) {
  return ["Check digit", `${scheme}: ${corrected ? `wrong as read, ${corrected}` : valid ? "right" : "wrong"}`];
}

function explain({ accepted, confidence, reason }, threshold) {
  if (!accepted) return toSentence(reason ?? "No reason was given");
  if (!threshold) return "";
  const guarantee = `at most ${shortPercent(threshold.max_error)} of the accepted are wrong`;
  return `${exactPercent(confidence)} reaches ${exactPercent(threshold.threshold)}, from which on ${guarantee}.`;
}
