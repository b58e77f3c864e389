// Numbers as a person reads them.
const NARROW = "\u202f";

// A probability, rounded down: what is not certain is not shown as certain.
export function percent(value) {
  if (value > 0.9999) return `>${NARROW}99.99${NARROW}%`;
  if (value > 0 && value < 0.0001) return `<${NARROW}0.01${NARROW}%`;
  return `${(Math.floor(value * 1e4 + 1e-6) / 100).toFixed(2)}${NARROW}%`;
}

// A probability where there is no room.
export function whole(value) {
  return `${Math.floor(value * 100)}${NARROW}%`;
}

// A probability or threshold with what tells it from another.
export function exact(value) {
  if (value > 0.999999) return `>${NARROW}99.9999${NARROW}%`;
  return `${Number((Math.floor(value * 1e6) / 1e4).toFixed(4))}${NARROW}%`;
}

// A share with no more digits than it needs: 1 %, 0.5 %.
export function share(value) {
  return `${Number((value * 100).toPrecision(2))}${NARROW}%`;
}

export function milliseconds(value) {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${NARROW}ms`;
}

export function megabytes(value) {
  return `${(value / 2 ** 20).toFixed(value < 10 * 2 ** 20 ? 1 : 0)}${NARROW}MB`;
}

// Shorthand for document.createElement with properties and children.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
