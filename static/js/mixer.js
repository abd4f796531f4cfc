// Connects the decks to the loudspeakers through the volume and a level meter.
import { volume } from "./volume.js";

const VOLUME_FADE_S = 0.02;
const RESUME_TIMEOUT_MS = 400;

export class Mixer {
  #context = null;
  #volume = null;
  #meter = null;
  #samples = new Float32Array(1024);

  // Call only after the visitor's first click or key press: browsers warn about earlier contexts.
  connect(decks) {
    if (!this.#context) {
      this.#context = new AudioContext({ latencyHint: "playback" });
      this.#meter = new AnalyserNode(this.#context, { fftSize: this.#samples.length });
      this.#volume = new GainNode(this.#context, { gain: volume.gain });
      this.#volume.connect(this.#meter).connect(this.#context.destination);
      volume.addEventListener("change", () => this.#follow());
    }
    for (const deck of decks) deck.connect(this.#context, this.#volume);
  }

  #follow() {
    const gain = this.#volume.gain;
    gain.cancelScheduledValues(this.#context.currentTime);
    gain.setTargetAtTime(volume.gain, this.#context.currentTime, VOLUME_FADE_S);
  }

  // A context that may not play stays suspended without an error, so check its state after a while.
  async running() {
    const timeout = new Promise((resolve) => setTimeout(resolve, RESUME_TIMEOUT_MS));
    await Promise.race([this.#context.resume(), timeout]);
    if (this.#context.state !== "running") throw new DOMException("suspended", "NotAllowedError");
  }

  // Root mean square of the output, 0 to 1.
  level() {
    if (!this.#meter) return 0;
    this.#meter.getFloatTimeDomainData(this.#samples);
    return Math.hypot(...this.#samples) / Math.sqrt(this.#samples.length);
  }
}
