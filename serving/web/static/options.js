// What is known of a picture before it is read: how its country writes amounts, its check digit, the order of its date.
import { createElement } from "./format.js";

const regions = new Intl.DisplayNames("en", { type: "region", fallback: "code" });
const region = (code) => (code.length === 2 ? regions.of(code.toUpperCase()) : "another");
const UNITS = { d: "day", m: "month", y: "year" };
const SCHEMES = { aba: "ABA routing number", luhn: "Luhn", mod97: "Mod 97" };
const OPTIONS = {
  locale: { label: "Amounts written as in", any: "any country", name: region },
  scheme: { label: "Check digit", any: "none", name: (scheme) => SCHEMES[scheme] ?? scheme },
  order: { label: "Order of the date", any: "any", name: (order) => [...order].map((unit) => UNITS[unit]).join(", ") },
  country: { label: "Country of the check", any: "any", name: region },
};
const chosen = {}; // by name; what was chosen for one kind holds for another

// Renders a choice for each of the `names`, from `choices`: name → values; `onChange` is called after a choice.
export function renderOptions(container, names, choices, onChange) {
  container.hidden = names.length === 0;
  container.replaceChildren(...names.map((name) => {
    const { label, any, name: title } = OPTIONS[name];
    const select = createElement(
      "select",
      { id: `option-${name}` },
      createElement("option", { value: "", textContent: any }),
      ...choices[name].map((value) => createElement("option", { value, textContent: title(value) })),
    );
    select.value = chosen[name] ?? "";
    select.addEventListener("change", () => {
      chosen[name] = select.value;
      onChange();
    });
    return createElement("div", { className: "bound" }, createElement("label", { htmlFor: select.id, textContent: label }), select);
  }));
}

// What was chosen of the `names`: name → value, without those that may be any.
export function selectedOptions(names) {
  return Object.fromEntries(names.filter((name) => chosen[name]).map((name) => [name, chosen[name]]));
}
