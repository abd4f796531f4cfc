// Says a sentence to those who listen to the page instead of looking at it. One live region in the
// page's frame, because one that is swapped in together with its words is not read out.

let last = "";

export function announce(sentence) {
  const words = sentence.trim();
  if (!words || words === last) return;
  last = words;
  document.querySelector("[data-announcer]").textContent = words;
}
