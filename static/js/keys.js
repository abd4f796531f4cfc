// The space bar plays and pauses, unless something that answers to it has the focus.
import { clipOf } from "./clip.js";
import { sound } from "./sound.js";

const ANSWERS_TO_SPACE = "a, button, input, select, textarea, summary, audio, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.defaultPrevented || event.repeat) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest(ANSWERS_TO_SPACE)) return;
  const player = event.target.closest("[data-player]") ?? document.querySelector("[data-main]");
  if (!player) return;
  event.preventDefault();
  const focused = event.target.closest("[data-player]");
  sound.toggle(focused || !sound.clip ? clipOf(player) : sound.clip);
});
