// Asks for the API key of a service that wants one.
import { showProblem } from "./problem.js";
import { onUnauthorized } from "./service.js";

const byId = (id) => document.getElementById(id);

let pendingKey = null; // one promise for all requests that wait for a key

// `onAsk` is called when a request waits for a key.
export function startAccess(onAsk) {
  onUnauthorized((reason) => {
    byId("access").hidden = false;
    onAsk();
    showProblem(reason);
    byId("key").focus();
    pendingKey ??= new Promise((resolve) => {
      byId("access").onsubmit = (event) => {
        event.preventDefault();
        byId("access").hidden = true;
        showProblem("");
        pendingKey = null;
        resolve(byId("key").value.trim());
        byId("key").value = "";
      };
    });
    return pendingKey;
  });
}
