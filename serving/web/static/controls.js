// The controls: the kind of picture, the runtime that reads it, the tolerated error, and the samples.
// They offer what the served models can do, and say why not the rest.
import { createElement, shortPercent } from "./format.js";
import * as service from "./service.js";

const byId = (id) => document.getElementById(id);
const SAMPLE_COUNTS = { digit: 5, amount: 4 };
const KIND_NOUNS = { digit: "digits", amount: "amounts" };
const DEFAULT_MAX_ERROR = 0.01; // selected first, where the model supports it

let preferredRuntime = "server";
// `PageModels` of serving/web/site.py, once the server has answered.
export let models = {
  max_body: Infinity, digit: null, field: null, features: null, browser: null, no_browser: "the server did not say", digits: [], fields: [],
};

// "digit" or "amount".
export const pictureKind = () => document.querySelector("[name=kind]:checked").value;
// "server" or "browser".
export const runtime = () => (pictureKind() === "amount" || !models.browser ? "server" : preferredRuntime);
const modelOf = (kind) => (kind === "digit" ? models.digit : models.field);
const serverModel = () => modelOf(pictureKind());

// The selected threshold of the server's model; undefined if the model has none.
export const selectedThreshold = () => {
  return serverModel()?.thresholds.find(({ max_error: maxError }) => maxError === Number(byId("bound").value));
};

// `onChange` is called with "kind", "runtime" or "threshold"; `onSample` gets a sample's file, `onSampleError` what
// kept it away, `onError` what keeps the models unknown.
export async function startControls({ onChange, onSample, onSampleError, onError }) {
  for (const input of document.querySelectorAll("[name=kind]")) {
    input.addEventListener("change", () => {
      document.querySelector(".desk").dataset.kind = pictureKind();
      updateControls();
      showSamples(onSample, onSampleError);
      onChange("kind");
    });
  }
  for (const input of document.querySelectorAll("[name=runtime]")) {
    input.addEventListener("change", () => {
      preferredRuntime = input.value;
      updateControls();
      onChange("runtime");
    });
  }
  byId("bound").addEventListener("change", () => {
    updateNotes();
    onChange("threshold");
  });
  try {
    models = await service.fetchModels();
    const versions = [models.digit, models.field].filter(Boolean).map(({ model, version }) => `${model} ${version}`);
    byId("versions").textContent = [`checkreader ${models.version}`, ...versions].join(" · ");
  } catch (error) {
    document.querySelector(".desk").hidden = true;
    return onError(error);
  }
  offerKinds();
  updateControls();
  showSamples(onSample, onSampleError);
}

// Offers the kinds of pictures that a served model reads; one alone is no choice.
function offerKinds() {
  const inputs = [...document.querySelectorAll("[name=kind]")];
  const offered = inputs.filter(({ value }) => modelOf(value));
  byId("kinds").hidden = offered.length < inputs.length;
  document.querySelector(".desk").hidden = offered.length === 0;
  if (offered.length === 0) {
    byId("lede").textContent = "This service has no model that reads pictures of digits or amounts.";
    return;
  }
  if (!modelOf(pictureKind())) offered[0].click();
  byId("what").textContent = offered.map(({ value }) => KIND_NOUNS[value]).join(" and ");
}

function updateControls() {
  const kind = pictureKind(), inBrowser = runtime() === "browser";
  byId("runtimes").hidden = kind === "amount" || !models.browser;
  document.querySelector(`[name=runtime][value=${runtime()}]`).checked = true;
  const thresholds = inBrowser ? [models.browser] : [...(serverModel()?.thresholds ?? [])].sort((a, b) => a.max_error - b.max_error);
  const select = byId("bound");
  const previous = select.dataset.kind === kind ? Number(select.value) : DEFAULT_MAX_ERROR;
  select.replaceChildren(
    ...thresholds.map(({ max_error: maxError }) => {
      return createElement("option", { value: maxError, textContent: `at most ${shortPercent(maxError)}` });
    }),
  );
  const withMaxError = (maxError) => thresholds.find((threshold) => threshold.max_error === maxError);
  const selected = withMaxError(previous) ?? withMaxError(DEFAULT_MAX_ERROR) ?? thresholds[0];
  if (selected) select.value = selected.max_error;
  select.dataset.kind = kind;
  select.disabled = inBrowser || thresholds.length === 0;
  updateNotes();
}

function updateNotes() {
  byId("runtime-note").textContent = runtimeNote();
  byId("bound-note").textContent = thresholdNote();
}

function runtimeNote() {
  const { browser, no_browser: reason } = models;
  if (pictureKind() === "digit" && !browser) return `The picture is posted to this server: ${reason}.`;
  if (runtime() === "server") return "The picture is posted to this server.";
  return `${browser.model} reads here, ${Math.round(browser.bytes / 1000)} kB of WebAssembly: the picture is not sent.`;
}

function thresholdNote() {
  const threshold = selectedThreshold();
  if (runtime() === "browser") return "Its bound is fixed, and kept by integers alone: it accepts a little less.";
  if (!threshold) return "This model certifies no bound: nothing is accepted.";
  const { accepted, n, error } = threshold;
  return `In calibration ${shortPercent(accepted)} of ${n.toLocaleString("en")} were accepted, ${shortPercent(error)} of them wrong.`;
}

function showSamples(onSample, onSampleError) {
  const isDigit = pictureKind() === "digit";
  const all = isDigit ? models.digits : models.fields;
  const varied = all.filter(({ text }, index) => (isDigit ? index % 4 === 2 : text.length > 2)); // different digits, or whole amounts
  const samples = (varied.length ? varied : all).slice(0, SAMPLE_COUNTS[pictureKind()]);
  byId("samples-title").hidden = samples.length === 0;
  byId("samples").replaceChildren(
    ...samples.map(({ file, text }) => {
      const path = `/web/golden/${file}`;
      const button = createElement("button", { type: "button" }, createElement("img", { src: service.address(path), alt: `Sample: ${text}` }));
      button.addEventListener("click", () => service.fetchBytes(path).then((data) => onSample(new Blob([data])), onSampleError));
      return button;
    }),
  );
}
