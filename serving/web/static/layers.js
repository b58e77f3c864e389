// Shows how the network for single digits sees a digit of what was read.
import { models, pictureKind } from "./controls.js";
import { selectedCrop } from "./crop.js";
import { renderLayers } from "./features.js";
import { percent } from "./format.js";
import { KINDS } from "./kinds.js";
import { showError, showProblem } from "./problem.js";
import * as reading from "./reading.js";
import * as service from "./service.js";

const byId = (id) => document.getElementById(id);

// The reading stands where its layers cannot be shown.
export async function tryLayers(result, index, picture, signal, place = "layers-note", requested = false) {
  showProblem("");
  try {
    await showLayers(result, index, picture, signal, requested);
  } catch (error) {
    if (signal.aborted) return;
    byId("layers-note").textContent = "";
    byId("layers").replaceChildren();
    showError(error, place);
  }
}

// Shows how the layers see a digit; in the browser nothing is sent before somebody has asked for it.
async function showLayers(result, index, picture, signal, requested) {
  const isDigit = KINDS[pictureKind()].model === "digit";
  const crop = result.digits[index]?.box ?? (isDigit ? selectedCrop() : null);
  const empty = result.title === "–" || (!isDigit && !crop);
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
  byId("ask-layers").onclick = () => tryLayers(result, index, picture, signal, "ask-layers", true);
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
