// Shares the result's address with the system's share dialog on touch devices, otherwise through the
// clipboard, otherwise in a field to copy from (without HTTPS there is no clipboard).
import { whenPresent } from "./binding.js";
import { confirmOn } from "./confirmation.js";

async function share(button) {
  const { shareUrl: url, shareTitle: title } = button.dataset;
  if (navigator.share && matchMedia("(pointer: coarse)").matches) {
    await navigator.share({ url, title }).catch(() => null); // Rejects when the dialog is closed.
    return;
  }
  try {
    await navigator.clipboard.writeText(url);
    confirmOn(button.querySelector("[data-share-label]"), button.dataset.shareDone);
  } catch {
    const field = document.querySelector("[data-share-fallback]");
    field.hidden = false;
    const address = field.querySelector("input");
    address.value = url;
    address.select();
  }
}

whenPresent("[data-share]", (button) => button.addEventListener("click", () => share(button)));
