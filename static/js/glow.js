// Brightens the backdrop slowly with the loudness of the sound.
import { sound } from "./sound.js";

const RISE = 0.08;
const FALL = 0.03;
const LOUD = 0.2; // root mean square at full brightness
const backdrop = document.querySelector("[data-backdrop]");
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
let level = 0;

sound.addEventListener("tick", () => {
  const target = Math.min(1, sound.level / LOUD);
  level += (target - level) * (target > level ? RISE : FALL);
  // The browser tests read it even with reduced motion.
  backdrop.dataset.level = level.toFixed(3);
  if (!reducedMotion.matches) backdrop.style.setProperty("--level", level.toFixed(3));
});
