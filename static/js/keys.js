// The space bar plays and pauses, unless the focused element uses it itself.
import { clipOf } from "./clip.js";
import { sound } from "./sound.js";

const USES_SPACE = "a, button, input, select, textarea, summary, audio, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.defaultPrevented || event.repeat) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest(USES_SPACE)) return;
  const player = event.target.closest("[data-player]") ?? document.querySelector("[data-main]");
  if (!player) return;
  event.preventDefault();
  const focused = event.target.closest("[data-player]");
  sound.toggle(focused || !sound.clip ? clipOf(player) : sound.clip);
});
