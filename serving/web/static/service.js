// Asks the server. What fails is an Error whose message is one line for a person.
let key = null; // of the API, in memory alone
let wanted = async (reason) => { throw new Error(reason); };

// `ask` gets the reason why no key, or none of ours, was enough; it resolves to the one to try next.
export function onKeyWanted(ask) {
  wanted = ask;
}

// The reply and the milliseconds from sending to having all of it.
async function send(path, body, signal, headers = {}) {
  for (;;) {
    const start = performance.now();
    const allowed = key === null ? headers : { ...headers, authorization: `Bearer ${key}` };
    const reply = await fetch(path, { method: body ? "POST" : "GET", body, headers: allowed, signal }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer: is it still running?");
    });
    const content = await reply.arrayBuffer().catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Error("The server stopped in the middle of its answer: try again.");
    });
    if (reply.ok) return { content, headers: reply.headers, ms: performance.now() - start };
    const reason = said(content) ?? `The server answers ${reply.status} ${reply.statusText}`.trim();
    if (reply.status !== 401) throw new Error(reason);
    key = await wanted(reason);
  }
}

function said(content) {
  try {
    return JSON.parse(new TextDecoder().decode(content)).error;
  } catch {
    return undefined;
  }
}

const parsed = (content) => JSON.parse(new TextDecoder().decode(content));

// What the page may offer: `Models` in serving/web.
export async function models() {
  return parsed((await send("/web/models.json")).content);
}

export async function bytes(path) {
  return (await send(path)).content;
}

// The first reading of a picture at `path`, "/digits" or "/fields", with the model that read it and the ms it took.
export async function read(path, picture, maxError, signal) {
  const query = maxError === null ? "" : `?max_error=${maxError}`;
  const { content, ms } = await send(`${path}${query}`, picture, signal);
  const { model, digits, fields } = parsed(content);
  return { model, ms, reading: (digits ?? fields)[0] };
}

// The 28 × 28 pixels that the networks for digits see, of the picture or of its `crop` [x, y, width, height].
export async function normalized(picture, crop, signal) {
  const query = crop ? `?crop=${crop.join(",")}` : "";
  return new Uint8Array((await send(`/web/normalized${query}`, picture, signal)).content);
}

// Every layer's activations for 28 × 28 pixels: name, shape without the batch, data.
export async function layers(model, pixels, signal) {
  const image = { name: "image", datatype: "UINT8", shape: [1, 28, 28, 1], parameters: { binary_data_size: 784 } };
  const asked = JSON.stringify({ inputs: [image], parameters: { binary_data_output: true } });
  const head = { "inference-header-content-length": String(asked.length) };
  const { content, headers } = await send(`/v2/models/${model}/infer`, new Blob([asked, pixels]), signal, head);
  let at = Number(headers.get("inference-header-content-length"));
  return parsed(content.slice(0, at)).outputs.map(({ name, shape, parameters }) => {
    const data = new Float32Array(content.slice(at, (at += parameters.binary_data_size)));
    return { name, shape: shape.slice(1), data };
  });
}
