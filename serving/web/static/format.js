// Formats numbers for people, and creates elements.
const NARROW = "\u202f";

// A probability, rounded down: what is not certain is not shown as certain.
export function percent(probability) {
  if (probability > 0.9999) return `>${NARROW}99.99${NARROW}%`;
  if (probability > 0 && probability < 0.0001) return `<${NARROW}0.01${NARROW}%`;
  return `${(Math.floor(probability * 1e4 + 1e-6) / 100).toFixed(2)}${NARROW}%`;
}

// A probability where there is no room.
export function wholePercent(probability) {
  return `${Math.floor(probability * 100)}${NARROW}%`;
}

// A probability or threshold with the digits that tell it from another.
export function exactPercent(probability) {
  if (probability > 0.999999) return `>${NARROW}99.9999${NARROW}%`;
  return `${Number((Math.floor(probability * 1e6) / 1e4).toFixed(4))}${NARROW}%`;
}

// A share with no more digits than it needs: 1 %, 0.5 %.
export function shortPercent(share) {
  return `${Number((share * 100).toPrecision(2))}${NARROW}%`;
}

export function milliseconds(ms) {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}${NARROW}ms`;
}

export function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)}${NARROW}MB`;
}

// Creates an element with properties and children.
export function createElement(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
