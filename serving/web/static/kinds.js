// The kinds of pictures that can be read.
// `model` is a key of `PageModels` in serving/web/page_models.py; `path` reads the picture; `noun` stands in the title;
// `paper` is what can be drawn on: width, height and line in pixels, twice what a desktop shows, for dense screens;
// `parameters` are those of each request; `options` are what may be said of the picture beforehand; `samples` is a key of
// `PageModels`, of which `isSample` chooses.
const FIELD = { model: "field", path: "/fields", parameters: {}, paper: [1280, 512, 18], samples: "fields" };
export const KINDS = {
  digit: {
    model: "digit", path: "/digits", noun: "digits", paper: [640, 640, 44], parameters: {}, options: [],
    invitation: "Draw a digit here", nothing: "Nothing is read yet. Draw a digit, or choose a picture.",
    samples: "digits", isSample: (text, index) => index % 4 === 2, sampleCount: 5, // different digits
  },
  amount: {
    ...FIELD, noun: "amounts", options: ["locale"],
    invitation: "Write an amount here", nothing: "Nothing is read yet. Write an amount, or choose a picture.",
    isSample: (text) => text.length > 2, sampleCount: 4, // whole amounts
  },
  number: {
    ...FIELD, parameters: { kind: "number" }, options: ["scheme"],
    invitation: "Write a number here", nothing: "Nothing is read yet. Write a number, or choose a picture.",
    isSample: (text) => /^\d{3,}$/.test(text), sampleCount: 4,
  },
  date: {
    ...FIELD, parameters: { kind: "date" }, options: ["order"],
    invitation: "Write a date here", nothing: "Nothing is read yet. Write a date, or choose a picture.",
    isSample: (text) => /^\d+([/.-]\d+){2}$/.test(text), sampleCount: 4,
  },
  micr: {
    model: "micr", path: "/micr", noun: "MICR lines", paper: null, parameters: {}, options: ["country"],
    invitation: "Drop the picture of a MICR line here", nothing: "Nothing is read yet. Choose the picture of a MICR line.",
    samples: "lines", isSample: () => true, sampleCount: 2,
  },
  check: {
    model: "check", path: "/checks", noun: "whole checks", paper: null, parameters: {}, options: ["locale", "order", "country"],
    invitation: "Drop the picture of a check here, a scan or a photograph", nothing: "Nothing is read yet. Choose the picture of a check.",
    drawn: { path: "/web/check.jpg", text: "a check" }, // by pipeline/synthesis/check_drawing.py: part train, seed 7, 11, invented hands
  },
};

// The title of a page that reads these kinds.
export function titleOf(kinds) {
  const nouns = kinds.map((kind) => KINDS[kind].noun).filter(Boolean);
  const text = nouns.length < 2 ? nouns.join("") : `${nouns.slice(0, -1).join(", ")} and ${nouns.at(-1)}`;
  const title = ["digits", "amounts"].includes(nouns[0]) ? `handwritten ${text}` : text;
  return `${title[0].toUpperCase()}${title.slice(1)}`;
}
