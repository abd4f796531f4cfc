// One audio source with a fader. A media element streams and seeks by HTTP ranges, so a ten-minute
// recording starts as fast as a short one; Web Audio sets its gain and fades it.
import { fade } from "./fade.js";

export class Deck {
  #pausing = 0;

  constructor(notify) {
    this.element = new Audio();
    this.element.preload = "auto";
    this.element.loop = true; // In case the cross-fade in sound.js fails.
    this.clip = null;
    for (const type of ["playing", "waiting", "pause", "error", "timeupdate"]) {
      this.element.addEventListener(type, () => notify(this, type));
    }
  }

  connect(context, output) {
    if (this.fader) return;
    this.fader = new GainNode(context, { gain: 0 });
    this.loudness = new GainNode(context);
    context.createMediaElementSource(this.element).connect(this.fader);
    this.fader.connect(this.loudness).connect(output);
    this.#setLoudness();
  }

  get silent() {
    return this.element.paused;
  }

  load(clip) {
    if (this.clip?.src === clip.src && !this.element.error) return;
    this.clip = clip;
    this.element.src = clip.src;
    this.#setLoudness();
  }

  // Resolves when playback starts, rejects if the browser refuses or cannot play the recording.
  async start(clip, atSeconds) {
    clearTimeout(this.#pausing);
    this.load(clip);
    if (atSeconds !== undefined) this.element.currentTime = atSeconds;
    await this.element.play();
  }

  fadeIn(seconds) {
    clearTimeout(this.#pausing);
    this.#fade(1, seconds);
  }

  fadeOut(seconds) {
    clearTimeout(this.#pausing);
    this.#fade(0, seconds);
    this.#pausing = setTimeout(() => {
      this.element.pause();
      if (!this.clip) this.#unload();
    }, seconds * 1000 + 30);
  }

  // Fades out and asks for no more of the recording: a paused element would go on loading.
  drop(seconds) {
    this.clip = null;
    if (this.silent) this.#unload();
    else this.fadeOut(seconds);
  }

  #unload() {
    this.element.removeAttribute("src");
    this.element.load();
  }

  #fade(target, seconds) {
    if (this.fader) fade(this.fader.gain, target, this.fader.context.currentTime, seconds);
  }

  #setLoudness() {
    if (this.loudness && this.clip) this.loudness.gain.value = 10 ** (this.clip.gainDb / 20);
  }
}
