// Marks a clicked sample as busy and hands its picture over to the result page.
import { whenPresent } from "./binding.js";
import { handOver } from "./photo-handover.js";

whenPresent("[data-sample]", (sample) => {
  const button = sample.querySelector("button");
  const picture = sample.querySelector("img");
  const mark = (busy) => {
    button.setAttribute("aria-busy", String(busy));
    picture.classList.toggle("photo-in-transit", busy);
  };
  sample.addEventListener("htmx:beforeRequest", () => {
    mark(true);
    handOver(picture.src);
  });
  sample.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.status >= 400 || !event.detail.xhr.status) mark(false);
  });
});
