// While a photo waits: say each new stage once, and say so when the site does not answer.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";

whenPresent("[data-announce]", (sentence) => announce(sentence.textContent));

function lost(event) {
  const note = event.target.querySelector?.("[data-connection-lost]");
  if (!note) return;
  if (event.detail.xhr?.status === 404) location.reload(); // Gone: let the site's own page say so.
  note.hidden = false;
}

document.addEventListener("htmx:sendError", lost);
document.addEventListener("htmx:responseError", lost);
