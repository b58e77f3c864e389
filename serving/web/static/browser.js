// Reads a digit in this browser by the released WebAssembly; nothing is sent anywhere.
import { grayLevels } from "./picture.js";
import { fetchBytes } from "./service.js";

// A module of one function that counts bits in a vector: it is valid where the browser has SIMD.
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

// The file that this browser runs fastest.
export function moduleFile({ plain, simd }) {
  return simd && WebAssembly.validate(SIMD) ? simd : plain;
}

// Loads the module and holds it against the golden digits, as the server does with every model.
export async function loadReader(model) {
  const { golden } = model;
  const { instance } = await WebAssembly.instantiate(await fetchBytes(moduleFile(model).path));
  const classify = createClassifier(instance.exports);
  // Without golden digits the logits are all that can be shown.
  const scale = golden.length ? instance.exports.checkreader_lenet5_scale() : null;
  for (const { file, probabilities } of golden) {
    const bitmap = await createImageBitmap(new Blob([await fetchBytes(`/web/golden/${file}`)]), { colorSpaceConversion: "none" });
    const { logits } = classify(grayLevels(bitmap, bitmap.width, bitmap.height), bitmap.width, bitmap.height, null);
    const computed = softmax(logits, scale);
    if (!computed.every((probability, digit) => Math.abs(probability - probabilities[digit]) <= 1e-3)) {
      throw new Error(`The module does not compute in this browser what was released: it differs for ${file}.`);
    }
  }
  return (levels, width, height, maxError) => {
    const start = performance.now();
    const reading = classify(levels, width, height, maxError);
    const ms = performance.now() - start;
    return { ...reading, ms, probabilities: scale === null ? null : softmax(reading.logits, scale) };
  };
}

function createClassifier({ memory, __heap_base: heapBase, ...wasm }) {
  // Addresses in the module's memory.
  const pixels = heapBase.value, logits = pixels + 784, input = logits + 16;
  // levels: uint8 [height * width], 0 = black; `digit` is null where nothing is written. maxError is the wanted error
  // bound, null: the module's default; `appliedMaxError` is null where no certified one is as small.
  return (levels, width, height, maxError) => {
    const missingBytes = input + levels.length - memory.buffer.byteLength;
    if (missingBytes > 0) memory.grow(Math.ceil(missingBytes / 65536));
    new Uint8Array(memory.buffer, input).set(levels);
    const hasInk = wasm.checkreader_normalize(input, width, height, width, pixels) === 1;
    const digit = wasm.checkreader_lenet5_classify(pixels, logits);
    const millionths = maxError === null ? wasm.checkreader_lenet5_max_error() : Math.floor(maxError * 1e6 + 1e-3);
    const margin = wasm.checkreader_lenet5_margin(logits), threshold = wasm.checkreader_lenet5_threshold(millionths);
    return {
      digit: hasInk ? digit : null,
      accepted: hasInk && margin >= threshold,
      margin,
      threshold,
      appliedMaxError: wasm.checkreader_lenet5_applied(millionths) / 1e6 || null,
      logits: [...new Int8Array(memory.buffer, logits, 10)],
      pixels: new Uint8Array(memory.buffer, pixels, 784).slice(),
    };
  };
}

function softmax(logits, scale) {
  const largest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(scale * (logit - largest)));
  const sum = exponentials.reduce((total, exponential) => total + exponential, 0);
  return exponentials.map((exponential) => exponential / sum);
}
