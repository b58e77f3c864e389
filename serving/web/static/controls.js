// What is to be read, where, and how wrong it may be: what the controls offer now, and why not the rest.
import * as service from "./service.js";
import { element, share } from "./words.js";

const $ = (id) => document.getElementById(id);
const SAMPLES = { digit: 5, amount: 4 };
const USUAL = 0.01; // the bound that is chosen first, where the model supports it

let preferred = "server";
// `Models` in serving/web, once the server has said.
export let offered = {
  max_body: Infinity, digit: null, field: null, features: null, browser: null, no_browser: "the server did not say", digits: [], fields: [],
};

export const what = () => document.querySelector("[name=what]:checked").value;
export const where = () => (what() === "amount" || !offered.browser ? "server" : preferred);
const reader = () => (what() === "digit" ? offered.digit : offered.field);

// The threshold that is asked for, none if the model has none.
export const bound = () => reader()?.thresholds.find((one) => one.max_error === Number($("bound").value));

// `changed` is called with "what", "where" or "bound"; `taken` gets a sample, `failed` an error.
export async function control({ changed, taken, failed }) {
  for (const input of document.querySelectorAll("[name=what]")) {
    input.addEventListener("change", () => {
      document.querySelector(".desk").dataset.what = what();
      settle();
      samples(taken, failed);
      changed("what");
    });
  }
  for (const input of document.querySelectorAll("[name=where]")) {
    input.addEventListener("change", () => {
      preferred = input.value;
      settle();
      changed("where");
    });
  }
  $("bound").addEventListener("change", () => {
    notes();
    changed("bound");
  });
  try {
    offered = await service.models();
    const models = [offered.digit, offered.field].filter(Boolean).map(({ model, version }) => `${model} ${version}`);
    $("versions").textContent = [`checkreader ${offered.version}`, ...models].join(" · ");
  } catch (error) {
    failed(error);
  }
  settle();
  samples(taken, failed);
}

function settle() {
  document.querySelector("[name=where][value=browser]").disabled = what() === "amount" || !offered.browser;
  document.querySelector(`[name=where][value=${where()}]`).checked = true;
  const here = where() === "browser";
  const choices = here ? [offered.browser] : [...(reader()?.thresholds ?? [])].sort((a, b) => a.max_error - b.max_error);
  const before = $("bound").dataset.what === what() ? Number($("bound").value) : USUAL;
  $("bound").replaceChildren(
    ...choices.map(({ max_error: most }) => element("option", { value: most, textContent: `at most ${share(most)}` })),
  );
  const chosen = choices.find((one) => one.max_error === before) ?? choices.find((one) => one.max_error === USUAL) ?? choices[0];
  if (chosen) $("bound").value = chosen.max_error;
  $("bound").dataset.what = what();
  $("bound").disabled = here || choices.length === 0;
  notes();
}

function notes() {
  const { browser, no_browser: missing } = offered;
  const here = where() === "browser";
  const one = bound();
  if (what() === "amount") $("where-note").textContent = "Amounts are read on the server: the network for them has no WebAssembly build.";
  else if (!browser) $("where-note").textContent = `Not in the browser: ${missing}.`;
  else if (here) $("where-note").textContent = `${browser.model} reads here, ${Math.round(browser.bytes / 1000)} kB of WebAssembly: the picture is not sent.`;
  else $("where-note").textContent = "The picture is posted to this server.";
  if (here) $("bound-note").textContent = "Its bound is fixed, and kept by integers alone: it accepts a little less.";
  else if (!one) $("bound-note").textContent = "This model certifies no bound: nothing is accepted.";
  else $("bound-note").textContent = `In calibration ${share(one.accepted)} of ${one.n.toLocaleString("en")} were accepted, ${share(one.error)} of them wrong.`;
}

function samples(taken, failed) {
  const digit = what() === "digit";
  const all = digit ? offered.digits : offered.fields;
  const kept = all.filter(({ text }, at) => (digit ? at % 4 === 2 : text.length > 2)); // different ones, and whole amounts
  const few = (kept.length ? kept : all).slice(0, SAMPLES[what()]);
  $("samples-title").hidden = few.length === 0;
  $("samples").replaceChildren(
    ...few.map(({ file, text }) => {
      const path = `/web/golden/${file}`;
      const button = element("button", { type: "button" }, element("img", { src: path, alt: `Sample: ${text}` }));
      button.addEventListener("click", () => service.bytes(path).then((data) => taken(new Blob([data])), failed));
      return button;
    }),
  );
}
