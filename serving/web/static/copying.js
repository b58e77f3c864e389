// Shows and copies what the service has answered.
const byId = (id) => document.getElementById(id);

let allAnswers = () => []; // of several pictures

// `getAll` returns the answers of all pictures where there are several: objects with `file` and `answer` or `error`.
export function startCopying(getAll) {
  allAnswers = getAll;
  byId("copy").addEventListener("click", () => copy(byId("json").textContent));
  byId("copy-all").addEventListener("click", () => copy(JSON.stringify(allAnswers(), null, 1)));
}

// Offers an answer; null: there is none, as of what is read in the browser.
export function offerAnswer(answer) {
  byId("json-part").hidden = !answer;
  byId("json").textContent = answer ? JSON.stringify(answer, null, 1) : "";
  byId("copy-all").hidden = allAnswers().length < 2;
  byId("copied").textContent = "";
}

async function copy(text) {
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  // Without TLS a browser has no clipboard but this one.
  byId("copied").textContent = copied || copyBySelection(text) ? "Copied." : "This browser lets no page copy: select it below.";
}

function copyBySelection(text) {
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "unseen", ariaLabel: "JSON" });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied;
}
