// The decks of the player: one is active; others are fading out, free, or hold what comes next.
import { Deck } from "./deck.js";

const COUNT = 4;
const MOST_COMING = 2; // so that the deck of what plays next is not taken for what follows it

export class Decks {
  #coming = [];

  constructor(notify) {
    this.all = Array.from({ length: COUNT }, () => new Deck(notify));
    this.active = this.all[0];
  }

  prepare(clip) {
    const before = this.#coming.filter((other) => other.src !== clip.src);
    this.#coming = [clip, ...before].slice(0, MOST_COMING);
    (this.active.clip ? this.free(clip) : this.active).load(clip);
  }

  drop(clip, seconds) {
    this.#coming = this.#coming.filter((other) => other.src !== clip.src);
    for (const deck of this.all) if (deck.clip?.src === clip.src) deck.drop(seconds);
  }

  // A deck for a clip: best one that has it loaded, then one that has no other use.
  free(clip) {
    const others = this.all.filter((deck) => deck !== this.active);
    const silent = others.filter((deck) => deck.silent);
    const holds = (deck, wanted) => deck.clip?.src === wanted.src;
    return silent.find((deck) => holds(deck, clip))
      ?? silent.find((deck) => !this.#coming.some((coming) => holds(deck, coming)))
      ?? others[0];
  }

  fadeOut(seconds) {
    for (const deck of this.all) if (!deck.silent) deck.fadeOut(seconds);
  }
}
