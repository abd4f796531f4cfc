// While a photo is processed: announces each stage once. There and in forms that htmx sends: shows
// when the connection is lost.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";

whenPresent("[data-announce]", (sentence) => announce(sentence.textContent));

function lost(event) {
  const note = event.target.querySelector?.("[data-connection-lost]");
  if (!note) return;
  if (event.detail.xhr?.status === 404) location.reload(); // Shows the site's error page.
  note.hidden = false;
}

document.addEventListener("htmx:sendError", lost);
document.addEventListener("htmx:responseError", lost);
