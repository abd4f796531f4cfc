// The way from the decks to the loudspeakers, and a meter on it.

const PATIENCE_MS = 400;

export class Mixer {
  #context = null;
  #meter = null;
  #samples = new Float32Array(1024);

  // Not before the visitor has touched the page: browsers complain about an earlier context.
  connect(decks) {
    if (!this.#context) {
      this.#context = new AudioContext({ latencyHint: "playback" });
      this.#meter = new AnalyserNode(this.#context, { fftSize: this.#samples.length });
      this.#meter.connect(this.#context.destination);
    }
    for (const deck of decks) deck.connect(this.#context, this.#meter);
  }

  // A context that may not sound stays suspended without a word; so wait a little and look.
  async running() {
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    await Promise.race([this.#context.resume(), patience]);
    if (this.#context.state !== "running") throw new DOMException("suspended", "NotAllowedError");
  }

  // Root mean square of what is heard, 0 to 1.
  level() {
    if (!this.#meter) return 0;
    this.#meter.getFloatTimeDomainData(this.#samples);
    return Math.hypot(...this.#samples) / Math.sqrt(this.#samples.length);
  }
}
