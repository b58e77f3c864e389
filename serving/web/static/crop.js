// The part of a picture that is read: dragged over it, or typed as x, y, width and height in its pixels.
import { place } from "./reading.js";

const byId = (id) => document.getElementById(id);
const LEAST = 4; // CSS pixels that a drag has to go either way

let size = null; // width and height of the picture that is shown
let start = null; // of a drag, in pixels of the picture

// The part as [x, y, width, height]; null: all of the picture. Throws where something else was typed.
export function selectedCrop() {
  const text = byId("crop").value.trim();
  if (byId("crop-part").hidden || !text) return null;
  const numbers = text.split(/[\s,]+/);
  if (numbers.length !== 4 || !numbers.every((number) => /^\d+$/.test(number))) {
    throw new Error("A part of the picture is four whole numbers: x, y, width and height in pixels.");
  }
  return numbers.map(Number);
}

// Offers to choose a part of a picture of width × height pixels; without a size there is nothing to choose from.
export function offerCrop(width, height) {
  size = width ? [width, height] : null;
  byId("crop-part").hidden = !size;
  arm(false);
  showCrop();
}

export function clearCrop() {
  byId("crop").value = "";
  showCrop();
}

// `onChange` is called when another part is chosen.
export function startCrop(onChange) {
  const frame = byId("view");
  byId("crop").addEventListener("change", () => {
    showCrop();
    onChange();
  });
  byId("drag-crop").addEventListener("click", () => arm(byId("drag-crop").ariaPressed !== "true"));
  byId("whole").addEventListener("click", () => {
    clearCrop();
    byId("crop").focus();
    onChange();
  });
  // A finger scrolls the page unless the button was pressed first.
  frame.addEventListener("pointerdown", (event) => {
    const armed = byId("drag-crop").ariaPressed === "true";
    if (byId("crop-part").hidden || !event.isPrimary || event.button !== 0 || !(armed || event.pointerType === "mouse")) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    start = { event, point: picturePoint(event), text: byId("crop").value };
  });
  frame.addEventListener("pointermove", (event) => {
    if (start && isDrag(event)) {
      byId("crop").value = between(start.point, picturePoint(event)).join(", ");
      showCrop();
    }
  });
  frame.addEventListener("pointerup", (event) => {
    const dragged = start && isDrag(event);
    start = null;
    if (!dragged) return;
    arm(false);
    onChange();
  });
  frame.addEventListener("pointercancel", () => {
    if (start) byId("crop").value = start.text;
    start = null;
    showCrop();
  });
}

function arm(armed) {
  byId("drag-crop").setAttribute("aria-pressed", String(armed));
  byId("view").classList.toggle("armed", armed);
}

function isDrag(event) {
  return Math.min(Math.abs(event.clientX - start.event.clientX), Math.abs(event.clientY - start.event.clientY)) >= LEAST;
}

function picturePoint({ clientX, clientY }) {
  const { left, top, width, height } = byId("view").getBoundingClientRect();
  const share = (value, extent) => Math.min(1, Math.max(0, value / extent));
  return [Math.round(share(clientX - left, width) * size[0]), Math.round(share(clientY - top, height) * size[1])];
}

function between([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(1, Math.abs(x1 - x0)), Math.max(1, Math.abs(y1 - y0))];
}

function showCrop() {
  let part = null;
  try {
    part = size && selectedCrop();
  } catch {
    // What was typed is refused when it is used.
  }
  byId("whole").hidden = !byId("crop").value;
  byId("crop-box").hidden = !part;
  if (!part) return;
  place(byId("crop-box"), part, ...size);
}
