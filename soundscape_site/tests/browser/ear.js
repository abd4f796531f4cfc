// Injected into every page before its own scripts: measures the output level and records every
// audio element that a script creates.
(() => {
  const meters = [];
  const elements = [];
  let asked = null;

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const meter = new AnalyserNode(this.context, { fftSize: 4096 });
      connect.call(this, meter);
      meters.push(meter);
    }
    return connect.call(this, target, ...rest);
  };

  const RealAudio = window.Audio;
  window.Audio = function (...given) {
    const element = new RealAudio(...given);
    elements.push(element);
    element.addEventListener("play", () => { asked = element; });
    return element;
  };

  const playing = () => elements.filter((element) => !element.paused);

  window.ear = {
    // Root mean square of the output, 0 to 1.
    level() {
      const samples = new Float32Array(4096);
      let loudest = 0;
      for (const meter of meters) {
        meter.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, Math.hypot(...samples) / Math.sqrt(samples.length));
      }
      return loudest;
    },
    sources: () => playing().map((element) => new URL(element.src).pathname),
    time: () => playing()[0]?.currentTime ?? null,
    // What is loaded, or would be loaded on: also by elements that are paused.
    loaded: () => elements.filter((element) => element.src).map(({ src }) => new URL(src).pathname),
    // The element that was last asked to play.
    last: () => asked,
  };
})();
