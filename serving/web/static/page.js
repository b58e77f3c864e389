// The page: takes pictures, has them read by the server or the browser, and shows the results and the layers.
import { startAccess } from "./access.js";
import { loadReader } from "./browser.js";
import { clearCheck, markField, renderCheck, summarizeCheck, summarizeField } from "./check.js";
import { models, pictureKind, runtime, selectedMaxError, selectedParameters, selectedThreshold, startControls } from "./controls.js";
import { offerAnswer, startCopying } from "./copying.js";
import { clearCrop, offerCrop, selectedCrop, startCrop } from "./crop.js";
import { createDrawing } from "./drawing.js";
import { paintLayers } from "./features.js";
import { KINDS } from "./kinds.js";
import { tryLayers } from "./layers.js";
import { drawScaled, grayLevels, openPicture } from "./picture.js";
import { showError, showProblem } from "./problem.js";
import { createQueue } from "./queue.js";
import * as reading from "./reading.js";
import { digitFromBrowser, resultsFromServer } from "./results.js";
import * as service from "./service.js";

const byId = (id) => document.getElementById(id);

let picture = null; // the one that is read
let timings = new Map(); // runtime → [runtime, model, ms], of `picture`
let pendingWork = new AbortController(); // of `picture`
let browserReader = null; // a promise

const drawing = createDrawing(byId("paper"), {
  onStart() {
    pendingWork.abort();
    byId("invitation").hidden = true;
    queue.clear();
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
    const result = digitFromBrowser(read(grayLevels(canvas, width, height), width, height, selectedMaxError()), models.browser);
    showResult(result);
    reading.renderPages([result], 0, () => {});
  });
}

function setPicture(newPicture) {
  picture = newPicture;
  timings = new Map();
}

// Reads files; where there are several, one after the other.
function readFiles(files, place = "actions") {
  clearCrop();
  queue.clear();
  if (files.length === 1) return readFile(files[0], place);
  clearPage();
  return queue.start(files);
}

const queue = createQueue({
  read: async (file, signal) => readResults(await openPicture(file, models.max_body), signal),
  // Its picture is opened again, since the pictures of all would not fit into the memory of a phone.
  async onShow({ file, results, error }) {
    clearReading();
    const { signal } = (pendingWork = new AbortController());
    const opened = await openPicture(file, models.max_body).catch(() => null);
    if (signal.aborted) return;
    if (opened) showPicture(opened);
    else clearPage();
    if (results) return showPage(results, 0, signal);
    clearResult("This picture is not read.");
    showProblem(error, "queue-part");
  },
});

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
  clearPaper();
  const visible = newPicture.bitmap !== null;
  if (visible) drawScaled(newPicture, byId("view"));
  byId("view").hidden = !visible;
  byId("paper").hidden = true;
  byId("stage").classList.add("has-picture");
  byId("stage").style.setProperty("--ratio", visible ? newPicture.width / newPicture.height : 1);
  byId("invitation").textContent = "This browser cannot show the picture; the server has read it.";
  byId("invitation").hidden = visible;
  byId("boxes").replaceChildren();
  offerCrop(pictureKind() === "check" ? 0 : newPicture.width, newPicture.height);
}

function clearPaper() {
  drawing.clear(...(KINDS[pictureKind()].paper ?? [1280, 512, 0]));
}

function clearReading() {
  pendingWork.abort();
  timings = new Map();
  byId("result").removeAttribute("aria-busy");
  showProblem("");
  clearResult(KINDS[pictureKind()].nothing);
}

function clearResult(note) {
  reading.clearResult(note);
  clearCheck();
  offerAnswer(null);
}

function clearPage() {
  clearReading();
  setPicture(null);
  clearPaper();
  offerCrop(0, 0);
  byId("view").hidden = true;
  byId("paper").hidden = KINDS[pictureKind()].paper === null;
  byId("stage").classList.remove("has-picture");
  byId("stage").style.setProperty("--ratio", byId("paper").width / byId("paper").height);
  byId("invitation").textContent = KINDS[pictureKind()].invitation;
  byId("invitation").hidden = false;
}

async function readPicture(input, place = "actions") {
  pendingWork.abort();
  pendingWork = new AbortController();
  const { signal } = pendingWork;
  showProblem("");
  byId("result").setAttribute("aria-busy", "true");
  try {
    const results = await readResults(input, signal);
    if (signal.aborted) return;
    if (input !== picture) showPicture(input);
    await showPage(results, 0, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (input !== picture) return refuse(error, place);
    timings = new Map();
    clearResult("This picture is not read.");
    showError(error, place);
  } finally {
    if (!signal.aborted) byId("result").removeAttribute("aria-busy");
  }
}

async function readResults(input, signal) {
  return runtime() === "browser" ? [await readInBrowser(input)] : await readOnServer(input, signal);
}

// Shows what is read on one of the pages.
async function showPage(results, index, signal) {
  const result = results[index];
  const visible = picture.bitmap && index === 0; // a browser shows the first page alone
  if (result.fields) {
    showCheck(result, visible ? picture : null);
  } else {
    showResult(result);
    reading.renderBoxes(visible ? (result.boxes ?? result.digits) : [], picture.width, picture.height);
  }
  offerAnswer(result.answer);
  reading.renderPages(results, index, (other) => showPage(results, other, signal));
  const summary = result.fields ? summarizeCheck(result) : reading.summarize(result);
  byId("spoken").textContent = `${results.length > 1 ? `Page ${result.page} of ${results.length}. ` : ""}${summary}`;
  await tryLayers(result, 0, picture, signal);
}

// Shows a check and, to begin with, its amount; `visiblePicture` is null where the browser cannot show the page.
function showCheck(result, visiblePicture) {
  noteTime(result);
  reading.clearResult("");
  byId("nothing").hidden = true;
  const select = (index) => {
    markField(result, index, visiblePicture);
    reading.renderResult({ ...result.fields[index], model: null }, orderedTimings(), null);
  };
  renderCheck(result, visiblePicture, (index) => {
    select(index);
    byId("spoken").textContent = summarizeField(result.fields[index]);
  });
  if (result.fields.length) select(0);
}

async function readOnServer({ data }, signal) {
  const kind = pictureKind(), threshold = selectedThreshold();
  const parameters = { ...selectedParameters(), crop: selectedCrop()?.join(",") ?? null };
  return resultsFromServer(kind, await service.read(KINDS[kind].path, data, parameters, signal), threshold, models);
}

async function readInBrowser({ bitmap, width, height }) {
  if (!bitmap) throw new Error("This browser cannot open that file; the server may: read it there.");
  const [x, y, w, h] = selectedCrop() ?? [0, 0, width, height];
  if (w < 1 || h < 1 || x + w > width || y + h > height) throw new Error(`That part is not within the picture of ${width} × ${height} pixels.`);
  const read = await loadBrowserReader();
  return digitFromBrowser(read(grayLevels(bitmap, w, h, x, y), w, h, selectedMaxError()), models.browser);
}

function loadBrowserReader() {
  browserReader ??= loadReader(models.browser).catch((error) => {
    browserReader = null; // the next attempt loads it again
    throw error;
  });
  return browserReader;
}

function noteTime({ runtime: name, model, ms }) {
  byId("result").removeAttribute("aria-busy");
  timings.set(name, [name, `${model.name}, version ${model.version}`, ms]);
}

function orderedTimings() {
  return ["server", "browser"].filter((name) => timings.has(name)).map((name) => timings.get(name));
}

function showResult(result) {
  noteTime(result);
  clearCheck();
  reading.renderResult(result, orderedTimings(), (index) => tryLayers(result, index, picture, pendingWork.signal, "symbols"));
}

startAccess(() => {
  if (byId("result").hasAttribute("aria-busy")) clearResult("This picture is not read yet.");
});

byId("clear").addEventListener("click", () => {
  queue.clear();
  clearPage();
});
byId("file").addEventListener("change", () => {
  const files = [...byId("file").files];
  if (files.length) readFiles(files);
  byId("file").value = ""; // so that the same file may be chosen again
});
// On the whole document: a picture that misses the paper must not replace the page.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  if (files.length) readFiles(files);
  else refuse(new Error("Nothing that can be read was dropped: drop the file of a picture."), "actions");
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) readFiles(files);
  else if (!(event.target instanceof HTMLInputElement)) refuse(new Error("There is no picture in the clipboard."), "actions");
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintLayers(byId("layers")));

// What was drawn was drawn as another kind and goes; the file of a picture stays and is read as this one.
function changeKind() {
  const [kept, files] = [drawing.isEmpty() ? picture : null, queue.isActive()];
  clearPage();
  if (files) queue.readAll();
  else if (kept) {
    showPicture(kept);
    readPicture(kept);
  }
}

// Reads anew what is on the page.
function readAgain(place) {
  if (queue.isActive()) queue.readAll();
  else if (picture) readPicture(picture, place);
}

clearPage();
startCrop(() => readAgain("crop-part"));
startCopying(() => queue.entries().filter(({ results, error }) => results || error).map(({ file, results, error }) => {
  return error ? { file: file.name, error } : { file: file.name, answer: results[0].answer };
}));
await startControls({
  onChange(control) {
    if (control === "kind") changeKind();
    else readAgain(control === "option" ? "options" : "controls");
    if (runtime() === "browser") loadBrowserReader().catch((error) => showError(error, "controls"));
  },
  onSample: (file) => readFiles([file], "samples"),
  onSampleError: (error) => refuse(error, "samples"),
  onError: showError,
});
document.documentElement.dataset.ready = "";
