// A picture to read: `data`, its bytes for the server; `bitmap`, its pixels for the browser; `width` and `height`.
import { megabytes } from "./format.js";

const MAX_DISPLAYED = 1600; // pixels of the longer side on the screen

// Opens a file. A picture that this browser cannot decode (TIFF, most often) has no size: the server may still read it.
export async function openPicture(file, maxBytes) {
  const start = await file.slice(0, 5).text();
  if (start === "%PDF-") throw new Error("That is a PDF, which is not read: save the page as PNG, JPEG, TIFF, BMP or WebP.");
  if (file.size === 0) throw new Error("That file is empty.");
  if (file.size > maxBytes) {
    throw new Error(`That file has ${megabytes(file.size)}; at most ${megabytes(maxBytes)} are read.`);
  }
  const data = await file.arrayBuffer(); // once: reading it from a disk is not the server's time
  // The numbers in the file, as the server takes them, not what a color profile makes of them.
  const bitmap = await createImageBitmap(new Blob([data]), { colorSpaceConversion: "none" }).catch(() => null);
  return { data, bitmap, width: bitmap?.width ?? 0, height: bitmap?.height ?? 0 };
}

// Draws a picture on a canvas, scaled down if it is large.
export function drawScaled(picture, canvas) {
  const scale = Math.min(1, MAX_DISPLAYED / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture.bitmap, 0, 0, canvas.width, canvas.height);
}

// The gray levels of a canvas or bitmap on white paper, or of its part from x and y on, uint8 [height * width]; rounded as
// Pillow does.
export function grayLevels(source, width, height, x = 0, y = 0) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, -x, -y);
  const { data } = context.getImageData(0, 0, width, height);
  const levels = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < levels.length; i++, j += 4) {
    levels[i] = (19595 * data[j] + 38470 * data[j + 1] + 7471 * data[j + 2] + 32768) >> 16;
  }
  return levels;
}
