// Sends requests to the server. A failure is an Error whose message is one line for a person.
// The service may lie under a path of a proxy: its paths begin where this module's folder does.
const root = new URL("..", import.meta.url);
export const address = (path) => new URL(`.${path}`, root).href;
let apiKey = null; // in memory alone
let askForKey = async (reason) => { throw new Error(reason); };

// `ask` gets the reason why no key, or the last one, was refused; it resolves to the key to try next.
export function onUnauthorized(ask) {
  askForKey = ask;
}

// Resolves to the response's content and headers, and the milliseconds from sending to having all of it.
async function send(path, body, signal, headers = {}) {
  for (;;) {
    const start = performance.now();
    const authorized = apiKey === null ? headers : { ...headers, authorization: `Bearer ${apiKey}` };
    const response = await fetch(address(path), { method: body ? "POST" : "GET", body, headers: authorized, signal }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer: is it still running?");
    });
    const content = await response.arrayBuffer().catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Error("The server stopped in the middle of its answer: try again.");
    });
    if (response.ok) return { content, headers: response.headers, ms: performance.now() - start };
    const reason = errorMessage(content) ?? `The server answers ${response.status} ${response.statusText}`.trim();
    if (response.status !== 401) throw new Error(reason);
    apiKey = await askForKey(reason);
  }
}

function errorMessage(content) {
  try {
    return inWords(parseJson(content).error);
  } catch {
    return undefined;
  }
}

// A line of the service as words for people: what bytes a file begins with is for programs.
export function inWords(line) {
  const [, content] = line.match(/^not a picture: .*?, got (.*)$/s) ?? [];
  if (content?.includes(": ")) return `That is not read: ${content}.`; // a format that has a name, and what to do
  if (content !== undefined) return "That file is no picture: choose PNG, JPEG, TIFF, BMP or WebP.";
  const text = line.replace(/ ?\(?(?:\w+ )?b(["']).*?\1\)?/gs, "").trim();
  return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

function parseJson(content) {
  return JSON.parse(new TextDecoder().decode(content));
}

// `PageModels` of serving/web/page_models.py.
export async function fetchModels() {
  return parseJson((await send("/web/models.json")).content);
}

export async function fetchBytes(path) {
  return (await send(path)).content;
}

// A reading of each page of a picture at `path`, "/digits", "/fields", "/micr" or "/checks", with the whole answer and the ms
// it took. `parameters`: name → value; null: left out.
export async function read(path, picture, parameters, signal) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null)).toString();
  const { content, ms } = await send(query ? `${path}?${query}` : path, picture, signal);
  const answer = parseJson(content);
  return { answer, ms, readings: answer.digits ?? answer.fields ?? answer.lines ?? answer.checks };
}

// The 28 × 28 pixels that the digit networks see of a page of the picture, or of its `crop` [x, y, width, height].
export async function normalize(picture, page, crop, signal) {
  const query = `?page=${page}${crop ? `&crop=${crop.join(",")}` : ""}`;
  return new Uint8Array((await send(`/web/normalized${query}`, picture, signal)).content);
}

// Every layer's activations for 28 × 28 pixels: name, shape without the batch, data.
export async function inferLayers(model, pixels, signal) {
  const image = { name: "image", datatype: "UINT8", shape: [1, 28, 28, 1], parameters: { binary_data_size: 784 } };
  const json = JSON.stringify({ inputs: [image], parameters: { binary_data_output: true } });
  const jsonLength = { "inference-header-content-length": String(json.length) };
  const { content, headers } = await send(`/v2/models/${model}/infer`, new Blob([json, pixels]), signal, jsonLength);
  let offset = Number(headers.get("inference-header-content-length"));
  return parseJson(content.slice(0, offset)).outputs.map(({ name, shape, parameters }) => {
    const data = new Float32Array(content.slice(offset, (offset += parameters.binary_data_size)));
    return { name, shape: shape.slice(1), data };
  });
}
