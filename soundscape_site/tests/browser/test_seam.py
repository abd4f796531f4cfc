"""The loop's seam: two recordings that are cross-faded are as loud as one."""

from __future__ import annotations

# Renders noise that fades out while other noise fades in, by the page's own module. Returns the
# level in the middle of the seam, in dB of the level before it.
RENDER = """async (shape) => {
  const { fade } = await import("/static/js/fade.js");
  const rate = 22050, seam = 1.5, context = new OfflineAudioContext(1, 4 * rate, rate);
  const noise = () => {
    const buffer = context.createBuffer(1, 4 * rate, rate);
    const samples = buffer.getChannelData(0);
    for (let at = 0; at < samples.length; at += 1) samples[at] = Math.random() - 0.5;
    return new AudioBufferSourceNode(context, { buffer });
  };
  for (const [start, target] of [[1, 0], [0, 1]]) {
    const gain = new GainNode(context, { gain: start });
    const source = noise();
    source.connect(gain).connect(context.destination);
    if (shape === "linear") {
      gain.gain.setValueAtTime(start, 1);
      gain.gain.linearRampToValueAtTime(target, 1 + seam);
    } else {
      fade(gain.gain, target, 1, seam);
    }
    source.start();
  }
  const samples = (await context.startRendering()).getChannelData(0);
  const level = (from, to) => {
    const part = samples.slice(from * rate, to * rate);
    return 10 * Math.log10(part.reduce((sum, one) => sum + one * one, 0) / part.length);
  };
  return level(1 + seam / 2 - 0.1, 1 + seam / 2 + 0.1) - level(0, 0.9);
}"""


def test_the_level_stays_at_the_seam(visit):
    page = visit("/")
    assert abs(page.evaluate(RENDER, "equal power")) < 0.6
    assert page.evaluate(RENDER, "linear") < -2.2
