// When a result page replaces another page without a reload: silences that, sets title and focus,
// and animates the photo with a view transition unless the visitor prefers reduced motion.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";
import { sound } from "./sound.js";

const SITE = "Soundscape";
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const first = document.querySelector("[data-scene-title]");

whenPresent("[data-scene-name]", ({ dataset: { sceneName } }) => {
  const heading = document.querySelector("[data-scene-title]");
  if (heading.textContent !== sceneName) announce(sceneName);
  heading.textContent = sceneName;
  document.querySelector("[data-scene-photo]").alt = sceneName;
  document.title = `${sceneName} · ${SITE}`;
});

whenPresent("[data-scene-title]", (heading) => {
  if (heading === first) return;
  if (sound.clip) sound.pause();
  heading.focus({ preventScroll: true });
});

document.addEventListener("htmx:beforeTransition", (event) => {
  if (reducedMotion.matches || document.hidden) event.preventDefault();
});
