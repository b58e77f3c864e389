// The controls: the kind of picture, the runtime that reads it, the tolerated error, and the samples.
// They offer what the served models can do, and say why not the rest.
import { moduleFile } from "./browser.js";
import { createElement, shortPercent } from "./format.js";
import * as service from "./service.js";

const byId = (id) => document.getElementById(id);
const SAMPLE_COUNTS = { digit: 5, amount: 4 };
const KIND_NOUNS = { digit: "digits", amount: "amounts" };

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
const readingModel = () => (runtime() === "browser" ? models.browser : serverModel());

// The selected error bound; null: the model's default.
export const selectedMaxError = () => (byId("bound").value ? Number(byId("bound").value) : null);
// The selected threshold of the model that reads; undefined if none is selected.
export const selectedThreshold = () => {
  return readingModel()?.thresholds.find(({ max_error: maxError }) => maxError === selectedMaxError());
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
  const kind = pictureKind(), model = readingModel();
  byId("runtimes").hidden = kind === "amount" || !models.browser;
  document.querySelector(`[name=runtime][value=${runtime()}]`).checked = true;
  // The certified bounds, selected the one that is applied to a request that names none.
  const bounds = (model?.thresholds ?? []).map((threshold) => threshold.max_error).sort((a, b) => a - b);
  const initial = model?.max_error ?? null;
  const select = byId("bound");
  const previous = select.dataset.kind === kind ? selectedMaxError() : null;
  select.replaceChildren(
    ...(initial === null ? [createElement("option", { value: "", textContent: "none chosen" })] : []),
    ...bounds.map((maxError) => createElement("option", { value: maxError, textContent: `at most ${shortPercent(maxError)}` })),
  );
  select.value = (bounds.includes(previous) ? previous : initial) ?? "";
  select.dataset.kind = kind;
  select.disabled = bounds.length === 0;
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
  return `${browser.model} reads here, ${Math.round(moduleFile(browser).bytes / 1000)} kB of WebAssembly: the picture is not sent.`;
}

function thresholdNote() {
  const threshold = selectedThreshold();
  if (!threshold) return `This model certifies no bound${readingModel()?.thresholds.length ? " as small as is usual" : ""}: nothing is accepted.`;
  if (runtime() === "browser") return "The bound is kept by integers alone: a little less is accepted than on the server.";
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
