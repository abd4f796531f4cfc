// Plays a result as soon as it appears. Before the visitor's first click or key press browsers
// forbid that; then the play button is highlighted. A result that does not fit waits for the visitor.
import { whenPresent } from "./binding.js";
import { clipOf } from "./clip.js";
import { paint } from "./player.js";
import { sound } from "./sound.js";

whenPresent("[data-result]", (result) => {
  const player = result.querySelector("[data-main]");
  const clip = clipOf(player);
  sound.prepare(clip);
  if (result.dataset.result === "waits") return;
  if (navigator.userActivation?.hasBeenActive && !document.hidden) {
    if (sound.clip?.src !== clip.src || sound.state !== "playing") sound.play(clip);
  } else {
    player.dataset.invites = "";
    paint(player);
  }
});
