// Fades of equal power: two recordings that are cross-faded are together as loud as each of them.
//
// Two different stretches of sound add up by their powers. With gains of sin and cos, whose squares
// sum to 1, the level stays; with linear ones it falls by 3 dB in the middle of the seam. Should two
// peaks coincide there, they may exceed that of one recording by up to 3 dB.

const STEPS = 16; // Linear ramps between points of the curve; they are within 0.02 dB of it.

// Fades a gain, an AudioParam, from its present value to `target`, 0 or 1.
export function fade(gain, target, now, seconds) {
  const from = Math.asin(Math.min(1, Math.max(0, gain.value)));
  const to = target * (Math.PI / 2);
  gain.cancelScheduledValues(now);
  gain.setValueAtTime(gain.value, now);
  for (let step = 1; step <= STEPS; step += 1) {
    const value = Math.sin(from + ((to - from) * step) / STEPS);
    gain.linearRampToValueAtTime(value, now + (seconds * step) / STEPS);
  }
}
