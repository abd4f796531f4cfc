// Counts the seconds for which a pair's sound really played.
import { sound } from "./sound.js";

// A page can be left open for days; the site takes times up to a day.
export const rounded = (seconds) => Math.min(86_400, Math.round(seconds * 1000) / 1000);

class Listening extends EventTarget {
  #pair = null;
  #since = null;
  #shown = null;
  leastS = 0;

  // From now on counts for this pair, which keeps its count.
  follow(pair) {
    this.#settle();
    this.#since = null;
    this.#pair = pair;
    this.#shown = null;
    this.update();
  }

  get heardS() {
    const running = this.#since === null ? 0 : (performance.now() - this.#since) / 1000;
    return (this.#pair?.heardS ?? 0) + running;
  }

  // The loop fades over its end, so the last moments of a recording are heard with its beginning.
  get heardToEnd() {
    const { durationS } = this.#pair;
    return this.heardS >= durationS - Math.min(1.5, durationS / 6);
  }

  get missingS() {
    if (!this.#pair || this.heardToEnd) return 0;
    return Math.max(0, this.leastS - this.heardS);
  }

  update() {
    const plays = sound.state === "playing" && sound.clip?.src === this.#pair?.src;
    if (!plays) this.#settle();
    this.#since = plays ? this.#since ?? performance.now() : null;
    this.#tell();
  }

  #settle() {
    if (this.#since === null || !this.#pair) return;
    const now = performance.now();
    this.#pair.heardS += (now - this.#since) / 1000;
    this.#since = now;
  }

  // Tells once a second of the countdown, and when it ends.
  #tell() {
    const left = Math.ceil(this.missingS);
    if (left === this.#shown) return;
    this.#shown = left;
    this.dispatchEvent(new Event("countdown"));
  }

  tick() {
    if (this.#since !== null) this.#tell();
  }
}

export const listening = new Listening();
sound.addEventListener("change", () => listening.update());
sound.addEventListener("tick", () => listening.tick());
