// A click on an alternative's title swaps it with the recording in the large player and plays it.
// "Play the next one" does the same when a recording cannot be played.
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";
import { clipOf, clock } from "./clip.js";
import { paint } from "./player.js";
import { sound } from "./sound.js";

const PARTS = ["rank", "strength", "title", "sounds", "credit", "waveform"];
const FACTS = [
  "src", "gainDb", "durationS", "title", "author", "rank", "download",
  "playLabel", "pauseLabel", "seekLabel", "chosenLabel",
];

const mainPlayer = () => document.querySelector("[data-player][data-main]");
const part = (player, name) => player.querySelector(`[data-part="${name}"]`);

function trade(here, there) {
  const kept = [...here.childNodes];
  here.replaceChildren(...there.childNodes);
  there.replaceChildren(...kept);
}

function exchange(one, other) {
  for (const name of PARTS) trade(part(one, name), part(other, name));
  for (const fact of FACTS) {
    [one.dataset[fact], other.dataset[fact]] = [other.dataset[fact], one.dataset[fact]];
  }
  [one, other].forEach(relabel);
}

function relabel(player) {
  const { durationS } = clipOf(player);
  const slider = player.querySelector("[data-seek]");
  slider.setAttribute("aria-label", player.dataset.seekLabel);
  slider.setAttribute("aria-valuemax", Math.round(durationS));
  const length = part(player, "length");
  if (length) length.textContent = clock(durationS);
  paint(player);
}

function playInMain(main, row) {
  exchange(main, row);
  trade(document.querySelector("[data-main-thumb]"), part(row, "thumb"));
  document.querySelector("[data-main-download]").href = main.dataset.download;
  const why = document.querySelector("[data-why]");
  why.toggleAttribute("data-elsewhere", why.dataset.rank !== main.dataset.rank);
  sound.play(clipOf(main));
  announce(main.dataset.chosenLabel);
  main.scrollIntoView({ block: "nearest" });
}

whenPresent("[data-swap]", (title) => {
  title.addEventListener("click", () => playInMain(mainPlayer(), title.closest("[data-player]")));
});

whenPresent("[data-play-next]", (button) => {
  button.hidden = document.querySelectorAll("[data-player]").length < 2;
  button.addEventListener("click", () => {
    const failed = button.closest("[data-player]");
    const rows = [...document.querySelectorAll("[data-player]:not([data-main])")];
    const next = failed === mainPlayer() ? rows[0] : rows[rows.indexOf(failed) + 1] ?? rows[0];
    if (failed === mainPlayer()) playInMain(failed, next);
    else sound.play(clipOf(next));
  });
});
