// What is heard: one recording at a time, cross-faded, over and over.
//
// Recordings of places are rarely loops: played round and round they click at the seam, and no
// gapless decoder helps. So the end is faded into the beginning by a second deck. This also keeps
// streaming: an AudioBuffer would loop to the sample, but only after the whole file has come, and
// a minute of stereo takes 23 MB of memory.
import { Deck } from "./deck.js";

const CROSSFADE_S = 0.25;
const PAUSE_FADE_S = 0.12;
const LONGEST_SEAM_S = 1.5;
const LOOK_AHEAD_S = 4;
const PATIENCE_MS = 400;

class Sound extends EventTarget {
  clip = null;
  state = "idle"; // idle, loading, playing, paused, refused, failed
  #context = null;
  #analyser = null;
  #samples = new Float32Array(1024);
  #decks = [0, 1, 2].map(() => new Deck((deck, type) => this.#hear(deck, type)));
  #active = this.#decks[0];
  #request = 0;
  #seam = 0;

  get time() {
    return this.#active.element.currentTime;
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
    const request = ++this.#request;
    const current = this.#active.clip?.src === clip.src;
    const deck = current ? this.#active : this.#free();
    const others = this.#decks.filter((other) => other !== deck && !other.silent);
    this.#connect();
    this.#active = deck;
    this.#become("loading", clip);
    const begun = deck.start(clip, atSeconds ?? (current ? undefined : 0));
    try {
      await Promise.all([begun, this.#running()]);
    } catch (error) {
      if (request === this.#request && error.name !== "AbortError") {
        this.#become(error.name === "NotAllowedError" ? "refused" : "failed");
      }
      if (error.name === "NotAllowedError") deck.element.pause();
      return;
    }
    if (request !== this.#request) return;
    deck.fadeIn(CROSSFADE_S);
    for (const other of others) other.fadeOut(CROSSFADE_S);
    this.#become("playing");
  }

  pause() {
    this.#request += 1;
    clearTimeout(this.#seam);
    for (const deck of this.#decks) if (!deck.silent) deck.fadeOut(PAUSE_FADE_S);
    this.#become("paused");
  }

  seek(seconds) {
    clearTimeout(this.#seam);
    this.#active.element.currentTime = seconds;
    this.dispatchEvent(new Event("tick"));
  }

  // Root mean square of what leaves for the loudspeakers, 0 to 1.
  level() {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return Math.hypot(...this.#samples) / Math.sqrt(this.#samples.length);
  }

  #connect() {
    if (!this.#context) {
      this.#context = new AudioContext({ latencyHint: "playback" });
      this.#analyser = new AnalyserNode(this.#context, { fftSize: this.#samples.length });
      this.#analyser.connect(this.#context.destination);
    }
    for (const deck of this.#decks) deck.connect(this.#context, this.#analyser);
  }

  // A context that may not sound stays suspended without a word; so wait a little and look.
  async #running() {
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    await Promise.race([this.#context.resume(), patience]);
    if (this.#context.state !== "running") throw new DOMException("suspended", "NotAllowedError");
  }

  #free() {
    return this.#decks.find((deck) => deck !== this.#active && deck.silent)
      ?? this.#decks.find((deck) => deck !== this.#active);
  }

  #hear(deck, type) {
    if (deck !== this.#active || !this.clip) return;
    if (type === "error") this.#become("failed");
    else if (type === "waiting" && this.state === "playing") this.#become("loading");
    else if (type === "playing" && this.state === "loading" && deck.fader) this.#become("playing");
    else if (type === "pause" && this.state === "playing") this.#become("paused");
    else if (type === "timeupdate" && this.state === "playing") this.#plan(deck);
  }

  #plan(deck) {
    const { currentTime, duration } = deck.element;
    const seam = Math.min(LONGEST_SEAM_S, duration / 6);
    const left = duration - seam - currentTime;
    if (left > LOOK_AHEAD_S) return;
    const next = this.#free();
    next.load(deck.clip);
    clearTimeout(this.#seam);
    this.#seam = setTimeout(() => this.#turn(deck, next, seam), Math.max(0, left) * 1000);
  }

  // Back to the beginning. If the second deck does not start, the first goes round by itself.
  async #turn(deck, next, seam) {
    const request = this.#request;
    try {
      await next.start(deck.clip, 0);
    } catch {
      return; // The loop is a nicety: deck.element.loop carries on.
    }
    if (request !== this.#request || deck !== this.#active) return;
    this.#active = next;
    next.fadeIn(seam);
    deck.fadeOut(seam);
  }

  #become(state, clip = this.clip) {
    if (state === this.state && clip === this.clip) return;
    this.state = state;
    this.clip = clip;
    if (state === "playing") this.#tick();
    this.dispatchEvent(new Event("change"));
  }

  #tick() {
    if (this.state !== "playing") return;
    this.dispatchEvent(new Event("tick"));
    requestAnimationFrame(() => this.#tick());
  }
}

export const sound = new Sound();
