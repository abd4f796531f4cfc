// "Use this sound" plays a recording at once; htmx then shows it in the large player, to which the
// focus moves. "Play the next one" goes on when a recording cannot be played.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";
import { clipOf } from "./clip.js";
import { sound } from "./sound.js";

let chosen = false;

whenPresent("[data-use]", (link) => {
  link.addEventListener("htmx:beforeRequest", () => {
    chosen = true;
    sound.play(clipOf(link.closest("[data-player]")));
  });
  // The whole page says what is wrong: the photo is gone, or the site does not answer.
  for (const failure of ["htmx:responseError", "htmx:sendError"]) {
    link.addEventListener(failure, () => location.assign(link.href));
  }
});

whenPresent("[data-main]", (player) => {
  if (!chosen) return;
  chosen = false;
  player.querySelector("[data-play]").focus({ preventScroll: true });
  announce(player.dataset.chosenLabel);
  player.scrollIntoView({ block: "nearest" });
});

whenPresent("[data-play-next]", (button) => {
  const player = button.closest("[data-player]");
  const failed = player.closest(".alternative") ?? player; // a take is within an alternative
  const others = () => [...document.querySelectorAll(".alternative[data-player]")];
  button.hidden = !others().some((other) => other !== failed);
  button.addEventListener("click", () => {
    const rows = others();
    const next = rows[rows.indexOf(failed) + 1] ?? rows[0];
    if ("main" in failed.dataset) next.querySelector("[data-use]").click();
    else sound.play(clipOf(next));
  });
});
