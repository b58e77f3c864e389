// Shows what went wrong in one line, beside what it came from: `place` is the id of the element before it.
const byId = (id) => document.getElementById(id);

export function showProblem(text, place = "access") {
  const problem = byId("problem");
  if (text) byId(place).after(problem);
  problem.textContent = text;
  if (text) problem.scrollIntoView({ block: "nearest" });
}

export function showError(error, place) {
  if (error.name !== "AbortError") showProblem(error.message, place);
}
