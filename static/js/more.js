// Moves the focus to the first new recording after "Show more".
import { whenPresent } from "./binding.js";

let awaiting = false;

whenPresent("[data-more]", (row) => {
  row.addEventListener("htmx:beforeRequest", () => { awaiting = true; });
});

document.addEventListener("htmx:load", (event) => {
  const link = event.detail.elt.querySelector("[data-use]");
  if (!awaiting || !link) return;
  awaiting = false;
  link.focus();
});
