// When the result page replaces the front page without a reload: sets its title and the focus, and
// animates the photo with a view transition unless the visitor prefers reduced motion.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";

const SITE = "Soundscape";
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const startedHere = document.querySelector("[data-scene]") !== null;

whenPresent("[data-scene-name]", ({ dataset: { sceneName } }) => {
  const heading = document.querySelector("[data-scene-title]");
  if (heading.textContent !== sceneName) announce(sceneName);
  heading.textContent = sceneName;
  document.querySelector("[data-scene-photo]").alt = sceneName;
  document.title = `${sceneName} · ${SITE}`;
});

whenPresent("[data-scene-title]", (heading) => {
  if (!startedHere) heading.focus({ preventScroll: true });
});

document.addEventListener("htmx:beforeTransition", (event) => {
  if (reducedMotion.matches || document.hidden) event.preventDefault();
});
