// A result that comes while the visitor is here plays at once. Where the browser, or the lack of a
// touch so far, forbids it, the play button asks for one.
import { whenPresent } from "./binding.js";
import { clipOf } from "./clip.js";
import { paint } from "./player.js";
import { sound } from "./sound.js";

whenPresent("[data-result]", (result) => {
  const player = result.querySelector("[data-main]");
  const clip = clipOf(player);
  sound.prepare(clip);
  if (navigator.userActivation?.hasBeenActive && !document.hidden) {
    sound.play(clip);
  } else {
    player.dataset.invites = "";
    paint(player);
  }
});
