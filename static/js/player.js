// Keeps every player's button, playhead, time and error message up to date.
import { whenPresent } from "./binding.js";
import { clipOf, clock } from "./clip.js";
import { sound } from "./sound.js";

const players = () => document.querySelectorAll("[data-player]");

export function paint(player) {
  const mine = sound.clip?.src === player.dataset.src;
  const state = mine ? sound.state : "idle";
  if (mine) delete player.dataset.invites;
  const inviting = state === "refused" || (state === "idle" && "invites" in player.dataset);
  player.dataset.state = inviting ? "inviting" : state;
  const busy = state === "playing" || state === "loading";
  const button = player.querySelector("[data-play]");
  const { playLabel, pauseLabel } = player.dataset;
  button.setAttribute("aria-label", busy ? pauseLabel : playLabel);
  player.querySelector("[data-trouble]").hidden = state !== "failed";
  paintTime(player, mine ? sound.time : 0);
}

export function paintTime(player, seconds) {
  const { durationS } = clipOf(player);
  const slider = player.querySelector("[data-seek]");
  slider.style.setProperty("--played", Math.min(1, seconds / durationS).toFixed(4));
  const shown = clock(seconds);
  if (slider.dataset.shown === `${shown} ${durationS}`) return;
  slider.dataset.shown = `${shown} ${durationS}`;
  slider.setAttribute("aria-valuenow", Math.floor(seconds));
  const spoken = slider.dataset.timeWords.replace("{elapsed}", shown);
  slider.setAttribute("aria-valuetext", spoken.replace("{length}", clock(durationS)));
  const elapsed = player.querySelector("[data-elapsed]");
  if (elapsed) elapsed.textContent = shown;
}

whenPresent("[data-player]", (player) => {
  player.querySelector("[data-play]").addEventListener("click", () => sound.toggle(clipOf(player)));
  paint(player);
});

sound.addEventListener("change", () => players().forEach(paint));

sound.addEventListener("tick", () => {
  for (const player of players()) {
    const dragged = player.querySelector("[data-dragging]");
    if (player.dataset.src === sound.clip?.src && !dragged) paintTime(player, sound.time);
  }
});
