// Says in a button's label, for a moment, that its act is done.
import { announce } from "./announcer.js";

const SHOWN_MS = 2500;
const usual = new WeakMap();

export function confirmOn(label, words) {
  if (!usual.has(label)) usual.set(label, label.textContent);
  label.textContent = words;
  announce(words);
  setTimeout(() => { label.textContent = usual.get(label); }, SHOWN_MS);
}
