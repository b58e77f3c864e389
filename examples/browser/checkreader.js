// A module of one function that counts bits in a vector: it is valid where the browser has SIMD.
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

// Reads digits by WebAssembly; nothing leaves the page. `simd` is loaded instead of `plain` where the browser has SIMD.
export async function load(plain, simd) {
  const url = simd && WebAssembly.validate(SIMD) ? simd : plain;
  const reply = await fetch(url);
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${reply.statusText}`);
  const { instance } = await WebAssembly.instantiate(await reply.arrayBuffer());
  const { memory, __heap_base: base, ...c } = instance.exports;
  const pixels = base.value, logits = pixels + 784, input = logits + 16;
  // gray: Uint8Array [height * width], 0 = black; any size, either polarity. maxError: the tolerated share of errors
  // among the accepted; the largest certified one that is not above it is applied, and with none nothing is accepted.
  return function read(gray, width, height, maxError = c.checkreader_lenet5_max_error() / 1e6) {
    const missing = input + gray.length - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    new Uint8Array(memory.buffer, input).set(gray);
    const written = c.checkreader_normalize(input, width, height, width, pixels) === 1;
    const digit = c.checkreader_lenet5_classify(pixels, logits);
    const millionths = Math.floor(maxError * 1e6 + 1e-3);
    return {
      digit: written ? digit : null,
      accepted: written && c.checkreader_lenet5_margin(logits) >= c.checkreader_lenet5_threshold(millionths),
      maxError,
      appliedMaxError: c.checkreader_lenet5_applied(millionths) / 1e6 || null,
      logits: [...new Int8Array(memory.buffer, logits, 10)],
    };
  };
}
