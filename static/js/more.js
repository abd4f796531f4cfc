// After "Show more" the focus stands on the first recording that came, not on nothing.
import { whenPresent } from "./binding.js";

let awaiting = false;

whenPresent("[data-more]", (row) => {
  row.addEventListener("htmx:beforeRequest", () => { awaiting = true; });
});

document.addEventListener("htmx:load", (event) => {
  const title = event.detail.elt.querySelector("[data-swap]");
  if (!awaiting || !title) return;
  awaiting = false;
  title.focus();
});
