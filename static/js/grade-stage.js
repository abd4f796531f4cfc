// The place of the pair: swaps photo and sound, and knows since when they are seen.
import { announce } from "./announcer.js";
import { bindPresent } from "./binding.js";
import { words } from "./grade-words.js";
import { paint } from "./player.js";
import { sound } from "./sound.js";

// A second press that was meant for the pair before is not taken for an answer to this one.
const DEAF_MS = 300;
const KEEP_FOCUS = ["[data-play]", "[data-seek]"];

export class Stage {
  #settings;
  #empty;
  #shown;
  #seenAt = Infinity;
  #acceptsAt = Infinity;

  constructor(desk, settings) {
    this.#settings = settings;
    this.#empty = desk.querySelector("[data-empty]");
    this.#shown = this.#empty;
  }

  get accepts() {
    return performance.now() >= this.#acceptsAt;
  }

  get seenS() {
    return Math.max(0, (performance.now() - this.#seenAt) / 1000);
  }

  show(pair) {
    const next = pair?.article ?? this.#empty;
    this.#seenAt = this.#acceptsAt = Infinity;
    if (next !== this.#shown) this.#swap(next);
    if (!pair) return sound.pause();
    this.#play(pair);
    requestAnimationFrame(() => {
      this.#seenAt = performance.now();
      this.#acceptsAt = this.#seenAt + DEAF_MS;
    });
    pair.whenLoaded.then(() => {
      if (this.#shown === next) this.#seenAt = performance.now();
    });
  }

  // Plays the pair for somebody who wants to answer before listening.
  listen(pair) {
    if (sound.state !== "playing" || sound.clip.src !== pair.src) sound.play(pair.clip);
  }

  #swap(next) {
    const focused = KEEP_FOCUS.find((part) => this.#shown.querySelector(part) === document.activeElement);
    this.#shown.replaceWith(next);
    this.#shown = next;
    bindPresent();
    if (focused) next.querySelector(focused)?.focus({ preventScroll: true });
  }

  // Browsers forbid sound before the first click or key press; then the play button invites.
  #play(pair) {
    const player = pair.article.querySelector("[data-player]");
    const mayPlay = navigator.userActivation?.hasBeenActive && !document.hidden;
    if (this.#settings.autoplay && mayPlay) {
      sound.cutTo(pair.clip);
      announce(words("new-pair"));
      return;
    }
    if (sound.clip) sound.pause();
    else sound.prepare(pair.clip);
    player.dataset.invites = "";
    paint(player);
    announce(words("press-play"));
  }
}
