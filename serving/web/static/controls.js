// The controls: the kind of picture, what is known of it, the runtime that reads it, the tolerated error, and the samples.
// They offer what the served models can do, and say why not the rest.
import { moduleFile } from "./browser.js";
import { createElement, shortPercent } from "./format.js";
import { KINDS, titleOf } from "./kinds.js";
import { renderOptions, selectedOptions } from "./options.js";
import * as service from "./service.js";

const byId = (id) => document.getElementById(id);

let preferredRuntime = "server";
// `PageModels` of serving/web/page_models.py, once the server has answered.
export let models = {
  max_body: Infinity, digit: null, field: null, micr: null, check: null, features: null, browser: null,
  no_browser: "the server did not say", choices: {}, digits: [], fields: [], lines: [],
};

// A key of `KINDS`.
export const pictureKind = () => document.querySelector("[name=kind]:checked").value;
// "server" or "browser".
export const runtime = () => (pictureKind() !== "digit" || !models.browser ? "server" : preferredRuntime);
const readingModel = () => (runtime() === "browser" ? models.browser : models[KINDS[pictureKind()].model]);

// The selected error bound; null: the model's default.
export const selectedMaxError = () => (byId("bound").value ? Number(byId("bound").value) : null);
// The selected threshold of the model that reads; undefined if none is selected.
export const selectedThreshold = () => {
  return readingModel()?.thresholds.find(({ max_error: maxError }) => maxError === selectedMaxError());
};
// The parameters of a request, but for the part of the picture: name → value.
export const selectedParameters = () => {
  const { parameters, options } = KINDS[pictureKind()];
  return { ...parameters, max_error: selectedMaxError(), ...selectedOptions(options) };
};

// `onChange` is called with "kind", "option", "runtime" or "threshold"; `onSample` gets a sample's file, `onSampleError`
// what kept it away, `onError` what keeps the models unknown.
export async function startControls({ onChange, onSample, onSampleError, onError }) {
  const showKind = () => {
    document.querySelector(".desk").dataset.kind = pictureKind();
    renderOptions(byId("options"), KINDS[pictureKind()].options, models.choices, () => onChange("option"));
    updateControls();
    showSamples(onSample, onSampleError);
    onChange("kind");
  };
  for (const input of document.querySelectorAll("[name=kind]")) input.addEventListener("change", showKind);
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
    const versions = [models.digit, models.field, models.micr, models.check].filter(Boolean).map(({ model, version }) => `${model} ${version}`);
    byId("versions").textContent = [`checkreader ${models.version}`, ...versions].join(" · ");
  } catch (error) {
    document.querySelector(".desk").hidden = true;
    return onError(error);
  }
  offerKinds();
  showKind();
}

// Offers the kinds of pictures that a served model reads; one alone is no choice.
function offerKinds() {
  const inputs = [...document.querySelectorAll("[name=kind]")];
  const offered = inputs.filter(({ value }) => models[KINDS[value].model]);
  for (const input of inputs) input.parentElement.hidden = !offered.includes(input);
  byId("kinds").hidden = offered.length < 2;
  document.querySelector(".desk").hidden = offered.length === 0;
  if (offered.length === 0) {
    byId("lede").textContent = "This service has no model that reads pictures.";
    return;
  }
  byId("no-checks").hidden = models.check !== null;
  if (!offered.some(({ checked }) => checked)) offered[0].checked = true;
  byId("what").textContent = titleOf(offered.map(({ value }) => value));
}

// The certified bounds to choose from; of a check, whose fields are held to it one by one, those of both its models.
function certifiedBounds() {
  const sources = pictureKind() === "check" ? [models.field, models.micr] : [readingModel()];
  const bounds = sources.flatMap((model) => (model?.thresholds ?? []).map((threshold) => threshold.max_error));
  return [...new Set(bounds)].sort((a, b) => a - b);
}

function updateControls() {
  const kind = pictureKind();
  byId("runtimes").hidden = kind !== "digit" || !models.browser;
  document.querySelector(`[name=runtime][value=${runtime()}]`).checked = true;
  // Selected is the bound that is applied to a request that names none.
  const bounds = certifiedBounds();
  const initial = readingModel()?.max_error ?? null;
  const select = byId("bound");
  const previous = select.dataset.kind === kind ? selectedMaxError() : null;
  const unnamed = kind === "check" ? "as usual for each field" : "none chosen";
  select.replaceChildren(
    ...(initial === null ? [createElement("option", { value: "", textContent: unnamed })] : []),
    ...bounds.map((maxError) => createElement("option", { value: maxError, textContent: `at most ${shortPercent(maxError)}` })),
  );
  select.value = (bounds.includes(previous) ? previous : initial) ?? "";
  select.dataset.kind = kind;
  select.disabled = bounds.length === 0;
  updateNotes();
}

function updateNotes() {
  byId("runtime-note").textContent = runtimeNote();
  byId("bound-note").textContent = pictureKind() === "check" ? checkNote() : thresholdNote();
}

function runtimeNote() {
  const { browser, no_browser: reason } = models;
  if (pictureKind() === "digit" && !browser) return `The picture is posted to this server: ${reason}.`;
  if (runtime() === "server") return "The picture is posted to this server.";
  return `${browser.model} reads here, ${Math.round(moduleFile(browser).bytes / 1000)} kB of WebAssembly: the picture is not sent.`;
}

function checkNote() {
  return certifiedBounds().length ? "The bound holds for each field. A check is accepted when its amount and its MICR line are." : "No model certifies a bound: nothing is accepted.";
}

function thresholdNote() {
  const threshold = selectedThreshold();
  if (!threshold) return `This model certifies no bound${readingModel()?.thresholds.length ? " as small as is usual" : ""}: nothing is accepted.`;
  if (runtime() === "browser") return "The bound is kept by integers alone: a little less is accepted than on the server.";
  const { accepted, n, error } = threshold;
  return `In calibration ${shortPercent(accepted)} of ${n.toLocaleString("en")} were accepted, ${shortPercent(error)} of them wrong.`;
}

function showSamples(onSample, onSampleError) {
  const { samples: source, isSample, sampleCount } = KINDS[pictureKind()];
  const all = source === null ? [] : models[source];
  const fitting = all.filter(({ text }, index) => isSample(text, index));
  const samples = (fitting.length ? fitting : all).slice(0, sampleCount);
  byId("samples-title").hidden = samples.length === 0;
  byId("samples").replaceChildren(
    ...samples.map(({ file, text }) => {
      const path = `/web/golden/${file}`;
      const button = createElement("button", { type: "button" }, createElement("img", { src: service.address(path), alt: `Sample: ${text}` }));
      button.addEventListener("click", () => service.fetchBytes(path).then((data) => onSample(new File([data], file)), onSampleError));
      return button;
    }),
  );
}
