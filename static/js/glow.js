// The room's light breathes a little with what is heard. Slow on purpose: light, not a meter.
import { sound } from "./sound.js";

const RISE = 0.08;
const FALL = 0.03;
const LOUD = 0.2; // root mean square that counts as full light
const room = document.querySelector("[data-backdrop]");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let level = 0;

sound.addEventListener("tick", () => {
  const target = Math.min(1, sound.level / LOUD);
  level += (target - level) * (target > level ? RISE : FALL);
  // For the stylesheet where motion is welcome; for whoever measures in any case.
  room.dataset.level = level.toFixed(3);
  if (!calm.matches) room.style.setProperty("--level", level.toFixed(3));
});
