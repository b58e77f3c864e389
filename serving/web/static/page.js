// The page: takes a picture, has it read by the server or the browser, and shows the result and the layers.
import { loadReader } from "./browser.js";
import { models, pictureKind, runtime, selectedMaxError, selectedThreshold, startControls } from "./controls.js";
import { createDrawing } from "./drawing.js";
import { paintLayers, renderLayers } from "./features.js";
import { percent } from "./format.js";
import { drawScaled, grayLevels, openPicture } from "./picture.js";
import * as reading from "./reading.js";
import * as service from "./service.js";

const byId = (id) => document.getElementById(id);
const EMPTY_NOTES = {
  digit: "Nothing is read yet. Draw a digit, or take a sample.",
  amount: "Nothing is read yet. Write an amount, or take a sample.",
};

let picture = null; // the one that is read
let timings = new Map(); // runtime → [runtime, model, ms], of `picture`
let pendingWork = new AbortController(); // of `picture`
let browserReader = null; // a promise

const drawing = createDrawing(byId("paper"), {
  onStart() {
    pendingWork.abort();
    byId("invitation").hidden = true;
    byId("boxes").replaceChildren();
  },
  onMove: readWhileDrawing,
  async onEnd() {
    const drawn = await drawing.toPicture();
    setPicture(drawn);
    await readPicture(drawn);
  },
});

// Reads while a stroke grows, in the browser alone: there it costs nobody anything.
let frame = 0;
function readWhileDrawing() {
  if (runtime() !== "browser" || frame) return;
  frame = requestAnimationFrame(async () => {
    const read = await browserReader?.catch(() => null);
    frame = 0;
    if (!read || runtime() !== "browser" || drawing.isEmpty()) return;
    const { canvas } = drawing;
    const { width, height } = canvas;
    timings = new Map();
    const result = reading.digitFromBrowser(read(grayLevels(canvas, width, height), width, height, selectedMaxError()), models.browser);
    showResult(result);
    reading.renderPages([result], 0, () => {});
  });
}

function setPicture(newPicture) {
  picture = newPicture;
  timings = new Map();
}

// Opens a file and reads it; it is shown at once where the browser can, else when the server has read it.
async function readFile(file) {
  try {
    const opened = await openPicture(file, models.max_body);
    if (opened.bitmap) showPicture(opened);
    await readPicture(opened);
  } catch (error) {
    showError(error);
  }
}

function showPicture(newPicture) {
  setPicture(newPicture);
  drawing.clear(pictureKind());
  const visible = newPicture.bitmap !== null;
  if (visible) drawScaled(newPicture, byId("view"));
  byId("view").hidden = !visible;
  byId("paper").hidden = true;
  byId("stage").classList.add("has-picture");
  byId("stage").style.setProperty("--ratio", visible ? newPicture.width / newPicture.height : 1);
  byId("invitation").textContent = "This browser cannot show the picture; the server has read it.";
  byId("invitation").hidden = visible;
  byId("boxes").replaceChildren();
}

function clearPage() {
  pendingWork.abort();
  setPicture(null);
  drawing.clear(pictureKind());
  byId("view").hidden = true;
  byId("paper").hidden = false;
  byId("stage").classList.remove("has-picture");
  byId("stage").style.setProperty("--ratio", byId("paper").width / byId("paper").height);
  byId("invitation").textContent = pictureKind() === "digit" ? "Draw a digit here" : "Write an amount here";
  byId("invitation").hidden = false;
  byId("spoken").textContent = "";
  byId("result").removeAttribute("aria-busy");
  showProblem("");
  reading.clearResult(EMPTY_NOTES[pictureKind()]);
}

async function readPicture(input) {
  pendingWork.abort();
  pendingWork = new AbortController();
  const { signal } = pendingWork;
  showProblem("");
  byId("result").setAttribute("aria-busy", "true");
  try {
    const results = runtime() === "browser" ? [await readInBrowser(input)] : await readOnServer(input, signal);
    if (signal.aborted) return;
    if (input !== picture) showPicture(input);
    await showPage(results, 0, signal);
  } catch (error) {
    if (signal.aborted) return;
    showProblem(error.message);
    if (input === picture && !timings.size) reading.clearResult("This picture is not read: see the line above.");
  } finally {
    if (!signal.aborted) byId("result").removeAttribute("aria-busy");
  }
}

// Shows what is read on one of the pages.
async function showPage(results, index, signal) {
  const result = results[index];
  showResult(result);
  reading.renderPages(results, index, (other) => showPage(results, other, signal).catch(showError));
  byId("spoken").textContent = `${results.length > 1 ? `Page ${result.page} of ${results.length}. ` : ""}${reading.summarize(result)}`;
  const visible = picture.bitmap && index === 0; // a browser shows the first page alone
  reading.renderBoxes(visible ? result.digits : [], picture.width, picture.height);
  await showLayers(result, 0, signal);
}

async function readOnServer({ data }, signal) {
  const isDigit = pictureKind() === "digit";
  const answer = await service.read(isDigit ? "/digits" : "/fields", data, selectedMaxError(), signal);
  const toResult = isDigit ? reading.digitFromServer : reading.amountFromServer;
  return answer.readings.map((page) => toResult({ ...answer, reading: page }, selectedThreshold()));
}

async function readInBrowser({ bitmap, width, height }) {
  if (!bitmap) throw new Error("This browser cannot open that file; the server may: read it there.");
  const read = await loadBrowserReader();
  return reading.digitFromBrowser(read(grayLevels(bitmap, width, height), width, height, selectedMaxError()), models.browser);
}

function loadBrowserReader() {
  browserReader ??= loadReader(models.browser).catch((error) => {
    browserReader = null; // the next attempt loads it again
    throw error;
  });
  return browserReader;
}

function showResult(result) {
  const { name, version } = result.model;
  timings.set(result.runtime, [result.runtime, `${name}, version ${version}`, result.ms]);
  const ordered = ["server", "browser"].filter((name) => timings.has(name)).map((name) => timings.get(name));
  reading.renderResult(result, ordered, (index) => showLayers(result, index, pendingWork.signal).catch(showError));
}

// Shows how the layers see a digit; in the browser nothing is sent before somebody has asked for it.
async function showLayers(result, index, signal, requested = false) {
  const crop = result.digits[index]?.box;
  const empty = result.title === "–" || (pictureKind() === "amount" && !crop);
  byId("seen").hidden = empty || !models.features;
  if (byId("seen").hidden) return;
  reading.markDigit(index);
  const inputOnly = result.runtime === "browser" && !requested;
  const pixels = result.pixels ?? (await service.normalize(picture.data, result.page, crop, signal));
  const layers = inputOnly ? [] : await service.inferLayers(models.features, pixels, signal);
  if (signal.aborted) return;
  renderLayers(byId("layers"), [{ name: "input", shape: [28, 28, 1], data: pixels }, ...layers]);
  byId("layers-note").textContent = layersNote(result, index, inputOnly);
  byId("ask-layers").hidden = !inputOnly;
  byId("ask-layers").onclick = () => showLayers(result, index, signal, true).catch(showError);
  // `lenet5-features` is `lenet5` with every layer as an output: its last one has all ten probabilities.
  const probabilities = layers.find(({ name }) => name === "probabilities")?.data;
  if (probabilities && `${result.model.name}-features` === models.features) {
    const bars = [...probabilities].map((probability, digit) => [String(digit), probability, percent(probability)]);
    reading.renderBars(bars, "Probabilities");
  }
}

function layersNote(result, index, inputOnly) {
  const shade = "Each layer is shaded by its own strongest answer.";
  if (inputOnly) return "What the module made of the picture. The layers between are computed on the server, and nothing is sent unless you ask.";
  if (result.digits.length) {
    return `Digit ${index + 1} of ${result.digits.length}, cut out by its box and seen by the network for single digits; the one for amounts slides such layers over the whole picture. ${shade}`;
  }
  return `The network’s own numbers, from the ${models.features} model. ${shade}`;
}

function showProblem(text) {
  byId("problem").textContent = text;
}

function showError(error) {
  if (error.name !== "AbortError") showProblem(error.message);
}

let pendingKey = null; // one promise for all requests that wait for a key
service.onUnauthorized((reason) => {
  byId("access").hidden = false;
  showProblem(reason);
  byId("key").focus();
  pendingKey ??= new Promise((resolve) => {
    byId("access").onsubmit = (event) => {
      event.preventDefault();
      byId("access").hidden = true;
      showProblem("");
      pendingKey = null;
      resolve(byId("key").value.trim());
      byId("key").value = "";
    };
  });
  return pendingKey;
});

byId("clear").addEventListener("click", clearPage);
byId("file").addEventListener("change", () => {
  const [file] = byId("file").files;
  if (file) readFile(file);
  byId("file").value = ""; // so that the same file may be chosen again
});
// On the whole document: a picture that misses the paper must not replace the page.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) readFile(file);
  else showProblem("Nothing that can be read was dropped: drop the file of a picture.");
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) readFile(file);
  else if (!(event.target instanceof HTMLInputElement)) showProblem("There is no picture in the clipboard.");
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintLayers(byId("layers")));

clearPage();
await startControls({
  onChange(control) {
    if (control === "kind") clearPage();
    else if (picture) readPicture(picture);
    if (runtime() === "browser") loadBrowserReader().catch(showError);
  },
  onSample: readFile,
  onError: showError,
});
document.documentElement.dataset.ready = "";
