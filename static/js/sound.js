// What is heard: one recording at a time, cross-faded, over and over.
//
// Recordings of places are rarely loops: played round and round they click at the seam, and no
// gapless decoder helps. So the end is faded into the beginning by a second deck. This also keeps
// streaming: an AudioBuffer would loop to the sample, but only after the whole file has come, and
// a minute of stereo takes 23 MB of memory.
import { Deck } from "./deck.js";
import { Mixer } from "./mixer.js";

const CROSSFADE_S = 0.25;
const PAUSE_FADE_S = 0.12;
const LONGEST_SEAM_S = 1.5;
const LOOK_AHEAD_S = 4;

class Sound extends EventTarget {
  clip = null;
  state = "idle"; // idle, loading, playing, paused, refused, failed
  #mixer = new Mixer();
  #decks = [0, 1, 2].map(() => new Deck((deck, type) => this.#hear(deck, type)));
  #active = this.#decks[0];
  #request = 0; // Grows with each wish; an answer to an older one is dropped.
  #sounding = false;
  #seam = 0;
  #frame = 0;

  get time() {
    return this.#active.element.currentTime;
  }

  get level() {
    return this.#mixer.level();
  }

  // Lets the browser fetch a recording that will probably be wanted.
  prepare(clip) {
    if (!this.clip) this.#active.load(clip);
  }

  toggle(clip) {
    const current = this.clip?.src === clip.src;
    if (current && (this.state === "playing" || this.state === "loading")) this.pause();
    else this.play(clip);
  }

  async play(clip, atSeconds) {
    const request = this.#supersede();
    const current = this.#active.clip?.src === clip.src;
    const deck = current ? this.#active : this.#free();
    const others = this.#decks.filter((other) => other !== deck && !other.silent);
    this.#mixer.connect(this.#decks);
    this.#active = deck;
    this.#sounding = false;
    this.#become("loading", clip);
    try {
      await Promise.all([deck.start(clip, atSeconds ?? (current ? undefined : 0)), this.#mixer.running()]);
    } catch (error) {
      if (request === this.#request) this.#stumble(error);
      return;
    }
    if (request !== this.#request) return;
    deck.fadeIn(CROSSFADE_S);
    for (const other of others) other.fadeOut(CROSSFADE_S);
    this.#sounding = true;
    this.#become("playing");
  }

  pause() {
    this.#supersede();
    this.#hush();
    this.#become("paused");
  }

  seek(seconds) {
    clearTimeout(this.#seam);
    this.#active.element.currentTime = seconds;
    this.dispatchEvent(new Event("tick"));
  }

  #supersede() {
    clearTimeout(this.#seam);
    this.#request += 1;
    return this.#request;
  }

  #hush() {
    for (const deck of this.#decks) if (!deck.silent) deck.fadeOut(PAUSE_FADE_S);
  }

  #stumble(error) {
    this.#hush();
    this.#become(error.name === "NotAllowedError" ? "refused" : "failed");
  }

  #free() {
    const others = this.#decks.filter((deck) => deck !== this.#active);
    return others.find((deck) => deck.silent) ?? others[0];
  }

  #hear(deck, type) {
    if (deck !== this.#active || !this.#sounding) return;
    if (type === "error") this.#stumble(deck.element.error);
    else if (type === "waiting" && this.state === "playing") this.#become("loading");
    else if (type === "playing" && this.state === "loading") this.#become("playing");
    else if (type === "pause" && this.state === "playing") this.#become("paused");
    else if (type === "timeupdate" && this.state === "playing") this.#plan(deck);
  }

  #plan(deck) {
    const { currentTime, duration } = deck.element;
    const seam = Math.min(LONGEST_SEAM_S, duration / 6);
    const left = duration - seam - currentTime;
    if (!(left < LOOK_AHEAD_S)) return;
    const next = this.#free();
    next.load(deck.clip);
    clearTimeout(this.#seam);
    this.#seam = setTimeout(() => this.#turn(deck, next, seam), Math.max(0, left) * 1000);
  }

  // Back to the beginning. If the second deck does not start, the first goes round by itself.
  async #turn(deck, next, seam) {
    const request = this.#request;
    await next.start(deck.clip, 0).catch(() => null);
    if (next.silent) return;
    if (request !== this.#request || deck !== this.#active) return void next.fadeOut(0);
    this.#active = next;
    next.fadeIn(seam);
    deck.fadeOut(seam);
  }

  #become(state, clip = this.clip) {
    if (state === this.state && clip === this.clip) return;
    this.state = state;
    this.clip = clip;
    this.dispatchEvent(new Event("change"));
    this.#tick();
  }

  #tick() {
    cancelAnimationFrame(this.#frame);
    if (this.state !== "playing") return;
    this.dispatchEvent(new Event("tick"));
    this.#frame = requestAnimationFrame(() => this.#tick());
  }
}

export const sound = new Sound();
