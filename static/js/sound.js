// Plays one recording at a time, in a cross-faded loop.
//
// Most recordings do not loop seamlessly, so a second deck cross-fades the end into the beginning.
// An AudioBuffer would need the whole file first, and 23 MB of memory for a minute of stereo.
import { Decks } from "./decks.js";
import { Mixer } from "./mixer.js";

const CROSSFADE_S = 0.25;
const PAUSE_FADE_S = 0.12;
const CUT_FADE_S = 0.02;
const LONGEST_SEAM_S = 1.5;
const LOOK_AHEAD_S = 4;

class Sound extends EventTarget {
  clip = null;
  state = "idle"; // idle, loading, playing, paused, refused, failed
  #mixer = new Mixer();
  #decks = new Decks((deck, type) => this.#onDeckEvent(deck, type));
  #request = 0; // Number of the newest request; results of older ones are ignored.
  #sounding = false;
  #seam = 0;
  #frame = 0;

  get time() {
    return this.#decks.active.element.currentTime;
  }

  get level() {
    return this.#mixer.level();
  }

  // Lets the browser load a recording that will probably be played.
  prepare(clip) {
    this.#decks.prepare(clip);
  }

  // Plays another recording at once, so that nothing of the previous one is heard with it.
  cutTo(clip) {
    this.#decks.fadeOut(CUT_FADE_S);
    return this.play(clip, 0);
  }

  // Stops a recording that may not be asked for any more.
  drop(clip) {
    this.#decks.drop(clip, CUT_FADE_S);
    if (this.clip?.src !== clip.src) return;
    this.#supersede();
    this.#sounding = false;
    this.#setState("idle", null);
  }

  toggle(clip) {
    const current = this.clip?.src === clip.src;
    if (current && (this.state === "playing" || this.state === "loading")) this.pause();
    else this.play(clip);
  }

  async play(clip, atSeconds) {
    const request = this.#supersede();
    const current = this.#decks.active.clip?.src === clip.src;
    const deck = current ? this.#decks.active : this.#decks.free(clip);
    const others = this.#decks.all.filter((other) => other !== deck && !other.silent);
    this.#mixer.connect(this.#decks.all);
    this.#decks.active = deck;
    this.#sounding = false;
    this.#setState("loading", clip);
    try {
      await Promise.all([deck.start(clip, atSeconds ?? (current ? undefined : 0)), this.#mixer.running()]);
    } catch (error) {
      if (request === this.#request) this.#fail(error);
      return;
    }
    if (request !== this.#request) return;
    deck.fadeIn(CROSSFADE_S);
    for (const other of others) other.fadeOut(CROSSFADE_S);
    this.#sounding = true;
    this.#setState("playing");
  }

  pause() {
    this.#supersede();
    this.#decks.fadeOut(PAUSE_FADE_S);
    this.#setState("paused");
  }

  seek(seconds) {
    clearTimeout(this.#seam);
    this.#decks.active.element.currentTime = seconds;
    this.dispatchEvent(new Event("tick"));
  }

  #supersede() {
    clearTimeout(this.#seam);
    return ++this.#request;
  }

  #fail(error) {
    this.#decks.fadeOut(PAUSE_FADE_S);
    this.#setState(error.name === "NotAllowedError" ? "refused" : "failed");
  }

  #onDeckEvent(deck, type) {
    if (deck !== this.#decks.active || !this.#sounding) return;
    if (type === "error") this.#fail(deck.element.error);
    else if (type === "waiting" && this.state === "playing") this.#setState("loading");
    else if (type === "playing" && this.state === "loading") this.#setState("playing");
    else if (type === "pause" && this.state === "playing") this.#setState("paused");
    else if (type === "timeupdate" && this.state === "playing") this.#scheduleLoop(deck);
  }

  #scheduleLoop(deck) {
    const { currentTime, duration } = deck.element;
    const seam = Math.min(LONGEST_SEAM_S, duration / 6);
    const left = duration - seam - currentTime;
    if (!(left < LOOK_AHEAD_S)) return;
    const next = this.#decks.free(deck.clip);
    next.load(deck.clip);
    clearTimeout(this.#seam);
    this.#seam = setTimeout(() => this.#loop(deck, next, seam), Math.max(0, left) * 1000);
  }

  // Cross-fades to the beginning. If the second deck does not start, the first one loops.
  async #loop(deck, next, seam) {
    const request = this.#request;
    await next.start(deck.clip, 0).catch(() => null);
    if (next.silent) return;
    if (request !== this.#request || deck !== this.#decks.active) return void next.fadeOut(0);
    this.#decks.active = next;
    next.fadeIn(seam);
    deck.fadeOut(seam);
  }

  #setState(state, clip = this.clip) {
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
