// Announces a sentence to screen readers, in one permanent live region: they do not read a live
// region that is inserted together with its text.

let last = "";

export function announce(sentence) {
  const words = sentence.trim();
  if (!words || words === last) return;
  last = words;
  document.querySelector("[data-announcer]").textContent = words;
}
