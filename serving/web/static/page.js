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
  digit: "Nothing is read yet. Draw a digit, or choose a picture.",
  amount: "Nothing is read yet. Write an amount, or choose a picture.",
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
    byId("result").setAttribute("aria-busy", "true"); // until all of it is read
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
async function readFile(file, place = "actions") {
  const opened = await openPicture(file, models.max_body).catch((error) => refuse(error, place));
  if (!opened) return;
  if (opened.bitmap) showPicture(opened);
  await readPicture(opened, place);
}

// What was to be read is not on the paper: the former picture goes with its reading, a drawing alone stays.
function refuse(error, place) {
  if (drawing.isEmpty()) clearPage();
  else clearReading();
  showError(error, place);
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

function clearReading() {
  pendingWork.abort();
  timings = new Map();
  byId("result").removeAttribute("aria-busy");
  showProblem("");
  reading.clearResult(EMPTY_NOTES[pictureKind()]);
}

function clearPage() {
  clearReading();
  setPicture(null);
  drawing.clear(pictureKind());
  byId("view").hidden = true;
  byId("paper").hidden = false;
  byId("stage").classList.remove("has-picture");
  byId("stage").style.setProperty("--ratio", byId("paper").width / byId("paper").height);
  byId("invitation").textContent = pictureKind() === "digit" ? "Draw a digit here" : "Write an amount here";
  byId("invitation").hidden = false;
}

// An error stands beside what it came from: `place` is the id of the element before it.
async function readPicture(input, place = "actions") {
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
    if (input !== picture) return refuse(error, place);
    timings = new Map();
    reading.clearResult("This picture is not read.");
    showError(error, place);
  } finally {
    if (!signal.aborted) byId("result").removeAttribute("aria-busy");
  }
}

// Shows what is read on one of the pages.
async function showPage(results, index, signal) {
  const result = results[index];
  showResult(result);
  reading.renderPages(results, index, (other) => showPage(results, other, signal));
  byId("spoken").textContent = `${results.length > 1 ? `Page ${result.page} of ${results.length}. ` : ""}${reading.summarize(result)}`;
  const visible = picture.bitmap && index === 0; // a browser shows the first page alone
  reading.renderBoxes(visible ? result.digits : [], picture.width, picture.height);
  await tryLayers(result, 0, signal);
}

// The reading stands where its layers cannot be shown.
async function tryLayers(result, index, signal, place = "layers-note", requested = false) {
  showProblem("");
  try {
    await showLayers(result, index, signal, requested);
  } catch (error) {
    if (signal.aborted) return;
    byId("layers-note").textContent = "";
    byId("layers").replaceChildren();
    showError(error, place);
  }
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
  byId("result").removeAttribute("aria-busy");
  const { name, version } = result.model;
  timings.set(result.runtime, [result.runtime, `${name}, version ${version}`, result.ms]);
  const ordered = ["server", "browser"].filter((name) => timings.has(name)).map((name) => timings.get(name));
  reading.renderResult(result, ordered, (index) => tryLayers(result, index, pendingWork.signal, "symbols"));
}

// Shows how the layers see a digit; in the browser nothing is sent before somebody has asked for it.
async function showLayers(result, index, signal, requested) {
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
  byId("ask-layers").onclick = () => tryLayers(result, index, signal, "ask-layers", true);
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

function showProblem(text, place = "access") {
  const problem = byId("problem");
  if (text) byId(place).after(problem);
  problem.textContent = text;
  if (text) problem.scrollIntoView({ block: "nearest" });
}

function showError(error, place) {
  if (error.name !== "AbortError") showProblem(error.message, place);
}

let pendingKey = null; // one promise for all requests that wait for a key
service.onUnauthorized((reason) => {
  byId("access").hidden = false;
  if (byId("result").hasAttribute("aria-busy")) reading.clearResult("This picture is not read yet.");
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
  else refuse(new Error("Nothing that can be read was dropped: drop the file of a picture."), "actions");
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) readFile(file);
  else if (!(event.target instanceof HTMLInputElement)) refuse(new Error("There is no picture in the clipboard."), "actions");
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintLayers(byId("layers")));

clearPage();
await startControls({
  onChange(control) {
    if (control === "kind") clearPage();
    else if (picture) readPicture(picture, "controls");
    if (runtime() === "browser") loadBrowserReader().catch((error) => showError(error, "controls"));
  },
  onSample: (file) => readFile(file, "samples"),
  onSampleError: (error) => refuse(error, "samples"),
  onError: showError,
});
document.documentElement.dataset.ready = "";
