// Reads a digit in this browser by the released WebAssembly; nothing is sent anywhere.
import { gray } from "./picture.js";
import { bytes } from "./service.js";

// Loads the module and holds it against the golden digits, as the server does with every model.
export async function load({ path, golden }) {
  const { instance } = await WebAssembly.instantiate(await bytes(path));
  const reader = wrapped(instance.exports);
  // Without golden digits the logits are all that can be shown.
  const scale = golden.length ? instance.exports.checkreader_lenet5_scale() : null;
  for (const { file, probabilities } of golden) {
    const bitmap = await createImageBitmap(new Blob([await bytes(`/web/golden/${file}`)]), { colorSpaceConversion: "none" });
    const { logits } = reader(gray(bitmap, bitmap.width, bitmap.height), bitmap.width, bitmap.height);
    const shown = softmax(logits, scale);
    if (!shown.every((p, i) => Math.abs(p - probabilities[i]) <= 1e-3)) {
      throw new Error(`The module does not compute in this browser what was released: it differs for ${file}.`);
    }
  }
  return (levels, width, height) => {
    const start = performance.now();
    const read = reader(levels, width, height);
    const ms = performance.now() - start;
    return { ...read, ms, probabilities: scale === null ? null : softmax(read.logits, scale) };
  };
}

function wrapped({ memory, __heap_base: base, ...c }) {
  const pixels = base.value, logits = pixels + 784, given = logits + 16;
  // levels: uint8 [height * width], 0 = black; `digit` is null where nothing is written.
  return (levels, width, height) => {
    const missing = given + levels.length - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    new Uint8Array(memory.buffer, given).set(levels);
    const found = c.checkreader_normalize(given, width, height, width, pixels) === 1;
    const digit = c.checkreader_lenet5_classify(pixels, logits);
    const margin = c.checkreader_lenet5_margin(logits), threshold = c.checkreader_lenet5_threshold();
    return {
      digit: found ? digit : null,
      accepted: found && margin >= threshold,
      margin,
      threshold,
      logits: [...new Int8Array(memory.buffer, logits, 10)],
      pixels: new Uint8Array(memory.buffer, pixels, 784).slice(),
    };
  };
}

function softmax(logits, scale) {
  const best = Math.max(...logits);
  const odds = logits.map((logit) => Math.exp(scale * (logit - best)));
  const sum = odds.reduce((total, value) => total + value, 0);
  return odds.map((value) => value / sum);
}
