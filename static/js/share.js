// Shares the result's address with the system's share dialog on touch devices, otherwise through the
// clipboard, otherwise in a field to copy from (without HTTPS there is no clipboard).
import { announce } from "./announcer.js";
import { whenPresent } from "./binding.js";

const CONFIRMED_MS = 2500;

async function share(button) {
  const { shareUrl: url, shareTitle: title } = button.dataset;
  if (navigator.share && matchMedia("(pointer: coarse)").matches) {
    await navigator.share({ url, title }).catch(() => null); // Rejects when the dialog is closed.
    return;
  }
  try {
    await navigator.clipboard.writeText(url);
    confirm(button);
  } catch {
    const field = document.querySelector("[data-share-fallback]");
    field.hidden = false;
    const address = field.querySelector("input");
    address.value = url;
    address.select();
  }
}

function confirm(button) {
  const label = button.querySelector("[data-share-label]");
  button.dataset.shareLabel ??= label.textContent;
  label.textContent = button.dataset.shareDone;
  announce(button.dataset.shareDone);
  setTimeout(() => { label.textContent = button.dataset.shareLabel; }, CONFIRMED_MS);
}

whenPresent("[data-share]", (button) => button.addEventListener("click", () => share(button)));
