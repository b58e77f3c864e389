// Shows what every layer makes of a digit: feature maps as small pictures, dense layers as strips.
import { createElement } from "./format.js";

const ABOUT = {
  input: "The digit, scaled into 20 × 20 pixels and centered by its mass. These 784 numbers are all that the network gets to see.",
  c1: "Six filters of 5 × 5 pixels slide over the picture. Each answers where it finds its own pattern: an edge of one direction, an end of a stroke.",
  s2: "Every 2 × 2 answers become one. Half the size, and a stroke one pixel further left gives nearly the same map.",
  c3: "Sixteen filters look at all six maps together and answer to what edges form: corners, curves, crossings.",
  s4: "2 × 2 become one again. That there is a curve still counts, but no longer where exactly.",
  c5: "120 units, each connected to all sixteen maps. Each sees the whole digit and answers to one shape of it.",
  f6: "84 units weigh those shapes against one another.",
  probabilities: "Ten outputs, 0 to 9 from left to right, which sum to 1. The largest is the reading.",
};
const intensities = new WeakMap(); // canvas → its values, 0 to 1
const KINDS = { c: "convolution", s: "subsampling", f: "dense" };

// `layers`: name, shape and data of each, in the network's order.
export function renderLayers(container, layers) {
  container.replaceChildren(...layers.map(layerElement));
  paintLayers(container);
}

function layerElement({ name, shape, data }) {
  const maps = shape.length === 3;
  const title = name === "input" || name === "probabilities" ? name : name.toUpperCase();
  const kind = name === "input" || name === "probabilities" ? "" : maps ? KINDS[name[0]] : "dense";
  const [height, width, depth] = maps ? shape : [1, shape[0], 1];
  const size = maps ? `${depth === 1 ? "" : `${depth} maps of `}${height} × ${width}` : `${width} ${name === "probabilities" ? "numbers" : "units"}`;
  const pictures = createElement("div", { className: maps ? "maps" : "strip", role: "img" });
  pictures.setAttribute("aria-label", `${title}: ${size}. ${countActive(data)}`);
  pictures.style.setProperty("--maps", depth);
  const largest = data.reduce((maximum, activation) => Math.max(maximum, activation), 0) || 1;
  for (let map = 0; map < depth; map++) {
    const canvas = createElement("canvas", { width, height });
    intensities.set(canvas, Float32Array.from({ length: width * height }, (_, i) => Math.max(0, data[i * depth + map]) / largest));
    pictures.append(canvas);
  }
  return createElement(
    "div",
    { className: "layer" },
    createElement("h3", {}, createElement("b", { textContent: title }), kind && ` ${kind}`, createElement("small", { textContent: size })),
    createElement("p", { textContent: ABOUT[name] ?? "" }),
    pictures,
  );
}

function countActive(data) {
  const count = data.reduce((sum, activation) => sum + (activation > 0), 0);
  return `${count} of ${data.length} values are above zero.`;
}

// Paints the maps in the colors of the page, which change with the system's.
export function paintLayers(container) {
  const color = getComputedStyle(container).getPropertyValue("--map").trim();
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
  for (const canvas of container.querySelectorAll("canvas")) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    intensities.get(canvas).forEach((intensity, i) => image.data.set([red, green, blue, 255 * intensity], 4 * i));
    context.putImageData(image, 0, 0);
  }
}
