// Tells which single key was pressed, unless a field, a dialog or the browser uses it.

const WRITES = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]";
const USES_SPACE = "a, button, input, summary";
const NUMBER = /^Digit(\d)$/;
const LETTER = /^Key([A-Z])$/;
const LATIN = /^[\p{ASCII}\p{Script=Latin}]/u;

// The figure on a key counts, also where the upper row gives it with Shift only; and the Latin
// letter, where the layout is of another script.
function keyOf(event) {
  if (/^\d$/.test(event.key)) return event.key;
  const number = event.shiftKey ? null : NUMBER.exec(event.code);
  const letter = LATIN.test(event.key) ? null : LETTER.exec(event.code);
  return ((number ?? letter)?.[1] ?? event.key).toLowerCase();
}

// `press(key)` returns whether the key did something.
export function onKeys(press) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.(WRITES)) return;
    if (event.key === " " && event.target.closest?.(USES_SPACE)) return;
    // A held key repeats; it is swallowed, so that Space does not scroll.
    if (event.repeat ? event.key === " " : press(keyOf(event))) event.preventDefault();
  }, { capture: true });
}
