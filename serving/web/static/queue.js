// Several pictures, read one after the other. An error of one is its own, and the others go on.
import { createElement } from "./format.js";
import { withSymbols } from "./micr_symbols.js";

const byId = (id) => document.getElementById(id);
const pluralize = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// `read` gets a file and a signal and resolves to its results, one for each page; `onShow` gets an entry, `file` with
// `results` or `error`, once it is read or selected.
export function createQueue({ read, onShow }) {
  let entries = [];
  let selected = 0;
  let work = new AbortController();

  function show(index) {
    selected = index;
    render();
    onShow(entries[index]);
  }

  function render() {
    byId("queue-part").hidden = entries.length === 0;
    const done = entries.filter(({ results, error }) => results || error);
    const unread = done.filter(({ error }) => error);
    const accepted = done.filter(({ results }) => results?.every((page) => page.accepted));
    byId("queue-state").textContent = [
      `${done.length} of ${pluralize(entries.length, "picture")} read`,
      `${accepted.length} accepted`,
      ...(unread.length ? [`${unread.length} not readable`] : []),
    ].join(", ");
    entries.forEach((entry, index) => {
      const button = byId("queue").children[index];
      const { title, state } = describe(entry);
      button.disabled = !entry.results && !entry.error;
      button.setAttribute("aria-pressed", String(index === selected && !button.disabled));
      button.replaceChildren(
        createElement("b", {}, ...withSymbols(title)),
        createElement("small", { className: "name", textContent: entry.file.name }),
        createElement("small", { textContent: state }),
      );
    });
  }

  // Reads all of them, anew if they were read before.
  async function readAll() {
    work.abort();
    work = new AbortController();
    const { signal } = work;
    for (const entry of entries) Object.assign(entry, { results: null, error: null });
    render();
    for (const [index, entry] of entries.entries()) {
      try {
        const results = await read(entry.file, signal);
        if (!signal.aborted) entry.results = results;
      } catch (error) {
        if (!signal.aborted) entry.error = error.message;
      }
      if (signal.aborted) return;
      render();
      if (index === selected) show(index);
    }
  }

  return {
    isActive: () => entries.length > 0,
    entries: () => entries,
    start(files) {
      entries = files.map((file) => ({ file, results: null, error: null }));
      selected = 0;
      byId("queue").replaceChildren(...entries.map((_, index) => {
        const button = createElement("button", { type: "button" });
        button.addEventListener("click", () => show(index));
        return button;
      }));
      return readAll();
    },
    readAll,
    clear() {
      work.abort();
      entries = [];
      byId("queue").replaceChildren();
      render();
    },
  };
}

function describe({ results, error }) {
  if (error) return { title: "–", state: "! not readable" };
  if (!results) return { title: "…", state: "not read yet" };
  const pages = results.length > 1 ? `${pluralize(results.length, "page")}, ` : "";
  const accepted = results.every((page) => page.accepted);
  return { title: results[0].title, state: `${pages}${accepted ? "✓ accepted" : "! a human should look"}` };
}
