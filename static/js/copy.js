// Copies the text of the element that a button names, or selects it (without HTTPS there is no
// clipboard).
import { whenPresent } from "./binding.js";
import { confirmOn } from "./confirmation.js";

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    confirmOn(button, button.dataset.copyDone);
  } catch {
    getSelection().selectAllChildren(source);
  }
}

whenPresent("[data-copy]", (button) => button.addEventListener("click", () => copy(button)));
