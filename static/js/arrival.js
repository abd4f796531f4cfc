// When the result page takes the front page's place without a reload: its name, the focus, and a
// photo that grows into its place where the browser can do that and the visitor likes it.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";

const SITE = "Soundscape";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
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
  if (calm.matches || document.hidden) event.preventDefault();
});
