// Reads digits by WebAssembly; nothing leaves the page.
export async function load(url) {
  const reply = await fetch(url);
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${reply.statusText}`);
  const { instance } = await WebAssembly.instantiate(await reply.arrayBuffer());
  const { memory, __heap_base: base, ...c } = instance.exports;
  const pixels = base.value, logits = pixels + 784, given = logits + 16;
  // gray: Uint8Array [height * width], 0 = black; any size, either polarity.
  return function read(gray, width, height) {
    const missing = given + gray.length - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    new Uint8Array(memory.buffer, given).set(gray);
    const found = c.checkreader_normalize(given, width, height, width, pixels) === 1;
    const digit = c.checkreader_lenet5_classify(pixels, logits);
    return {
      digit: found ? digit : null,
      accepted: found && c.checkreader_lenet5_margin(logits) >= c.checkreader_lenet5_threshold(),
      logits: [...new Int8Array(memory.buffer, logits, 10)],
    };
  };
}
