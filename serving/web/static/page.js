// The page: what is to be read, where, and what is shown of it.
import { load } from "./browser.js";
import { bound, control, offered, what, where } from "./controls.js";
import { drawing } from "./drawing.js";
import { paint, render as renderLayers } from "./features.js";
import { gray, opened, show } from "./picture.js";
import * as reading from "./reading.js";
import * as service from "./service.js";
import { percent } from "./words.js";

const $ = (id) => document.getElementById(id);
const NOTHING = { digit: "Nothing is read yet. Draw a digit, or take a sample.", amount: "Nothing is read yet. Write an amount, or take a sample." };

let picture = null; // what is read
let times = new Map(); // where → [where, model, ms], of `picture`
let job = new AbortController(); // whatever is under way for it
let module = null; // the promise of the browser's reader

const paper = drawing($("paper"), {
  begun() {
    job.abort();
    $("invitation").hidden = true;
    $("boxes").replaceChildren();
  },
  moved: live,
  async ended() {
    const drawn = await paper.picture();
    change(drawn);
    await read(drawn);
  },
});

// While a stroke grows, where that costs nobody anything.
let frame = 0;
function live() {
  if (where() !== "browser" || frame) return;
  frame = requestAnimationFrame(async () => {
    const read = await module?.catch(() => null);
    frame = 0;
    if (!read || where() !== "browser" || paper.isEmpty()) return;
    const { canvas } = paper;
    const found = read(gray(canvas, canvas.width, canvas.height), canvas.width, canvas.height);
    times = new Map();
    display(reading.digitInBrowser(found, offered.browser));
  });
}

function change(other) {
  picture = other;
  times = new Map();
}

// Takes a file: at once where it can be shown, else when the server has read it.
async function take(file) {
  try {
    const found = await opened(file, offered.max_body);
    if (found.bitmap) put(found);
    await read(found);
  } catch (error) {
    failed(error);
  }
}

function put(found) {
  change(found);
  paper.clear(what());
  const shown = found.bitmap !== null;
  if (shown) show(found, $("view"));
  $("view").hidden = !shown;
  $("paper").hidden = true;
  $("stage").classList.add("given");
  $("stage").style.setProperty("--ratio", shown ? found.width / found.height : 1);
  $("invitation").textContent = "This browser cannot show the picture; the server has read it.";
  $("invitation").hidden = shown;
  $("boxes").replaceChildren();
}

function clear() {
  job.abort();
  change(null);
  paper.clear(what());
  $("view").hidden = true;
  $("paper").hidden = false;
  $("stage").classList.remove("given");
  $("stage").style.setProperty("--ratio", $("paper").width / $("paper").height);
  $("invitation").textContent = what() === "digit" ? "Draw a digit here" : "Write an amount here";
  $("invitation").hidden = false;
  $("spoken").textContent = "";
  $("result").removeAttribute("aria-busy");
  problem("");
  reading.forget(NOTHING[what()]);
}

async function read(given) {
  job.abort();
  job = new AbortController();
  const { signal } = job;
  problem("");
  $("result").setAttribute("aria-busy", "true");
  try {
    const result = where() === "browser" ? await inBrowser(given) : await onServer(given, signal);
    if (signal.aborted) return;
    if (given !== picture) put(given);
    display(result);
    $("spoken").textContent = reading.spoken(result);
    reading.boxes(given.bitmap ? result.digits : [], given.width, given.height);
    await look(result, 0, signal);
  } catch (error) {
    if (signal.aborted) return;
    problem(error.message);
    if (given === picture && !times.size) reading.forget("This picture is not read: see the line above.");
  } finally {
    if (!signal.aborted) $("result").removeAttribute("aria-busy");
  }
}

async function onServer(given, signal) {
  const maxError = $("bound").value ? Number($("bound").value) : null;
  const path = what() === "digit" ? "/digits" : "/fields";
  const made = what() === "digit" ? reading.digitOnServer : reading.amountOnServer;
  const found = await service.read(path, given.data, maxError, signal);
  return made(found, bound());
}

async function inBrowser({ bitmap, width, height }) {
  if (!bitmap) throw new Error("This browser cannot open that file; the server may: read it there.");
  const read = await loaded();
  return reading.digitInBrowser(read(gray(bitmap, width, height), width, height), offered.browser);
}

function loaded() {
  module ??= load(offered.browser).catch((error) => {
    module = null; // the next attempt loads it again
    throw error;
  });
  return module;
}

function display(result) {
  const { name, version } = result.model;
  times.set(result.where, [result.where, `${name}, version ${version}`, result.ms]);
  const order = ["server", "browser"].filter((one) => times.has(one));
  reading.render(result, order.map((one) => times.get(one)), (index) => look(result, index, job.signal).catch(failed));
}

// Shows how the layers see a digit; in the browser nothing is sent before somebody asks for it.
async function look(result, index, signal, asked = false) {
  const crop = result.digits[index]?.box;
  const empty = result.title === "–" || (what() === "amount" && !crop);
  $("seen").hidden = empty || !offered.features;
  if ($("seen").hidden) return;
  reading.mark(index);
  const local = result.where === "browser" && !asked;
  const pixels = result.pixels ?? (await service.normalized(picture.data, crop, signal));
  const layers = local ? [] : await service.layers(offered.features, pixels, signal);
  if (signal.aborted) return;
  renderLayers($("layers"), [{ name: "input", shape: [28, 28, 1], data: pixels }, ...layers]);
  $("layers-note").textContent = noteOf(result, index, local);
  $("ask-layers").hidden = !local;
  $("ask-layers").onclick = () => look(result, index, signal, true).catch(failed);
  // `lenet5-features` is `lenet5` with every layer as an output: its last one has all ten probabilities.
  const ten = layers.find(({ name }) => name === "probabilities")?.data;
  if (ten && `${result.model.name}-features` === offered.features) {
    reading.bars([...ten].map((value, digit) => [String(digit), value, percent(value)]), "Probabilities");
  }
}

function noteOf(result, index, local) {
  const shade = "Each layer is shaded by its own strongest answer.";
  if (local) return "What the module made of the picture. The layers between are computed on the server, and nothing is sent unless you ask.";
  if (result.digits.length) {
    return `Digit ${index + 1} of ${result.digits.length}, cut out by its box and seen by the network for single digits; the one for amounts slides such layers over the whole picture. ${shade}`;
  }
  return `The network’s own numbers, from the ${offered.features} model. ${shade}`;
}

function problem(text) {
  $("problem").textContent = text;
}

function failed(error) {
  if (error.name !== "AbortError") problem(error.message);
}

// One promise for all that wait for a key.
let answer = null;
service.onKeyWanted((reason) => {
  $("access").hidden = false;
  problem(reason);
  $("key").focus();
  answer ??= new Promise((resolve) => {
    $("access").onsubmit = (event) => {
      event.preventDefault();
      $("access").hidden = true;
      problem("");
      answer = null;
      resolve($("key").value.trim());
      $("key").value = "";
    };
  });
  return answer;
});

$("clear").addEventListener("click", clear);
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (file) take(file);
  $("file").value = ""; // so that the same one may be chosen again
});
// Anywhere: a picture that misses the paper must not replace the page.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) take(file);
  else problem("Nothing that can be read was dropped: drop the file of a picture.");
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) take(file);
  else if (!(event.target instanceof HTMLInputElement)) problem("There is no picture in the clipboard.");
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint($("layers")));

clear();
await control({
  changed(control) {
    if (control === "what") clear();
    else if (picture) read(picture);
    if (where() === "browser") loaded().catch(failed);
  },
  taken: take,
  failed,
});
document.documentElement.dataset.ready = "";
