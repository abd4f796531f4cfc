// Shows the photo that the browser already has until the server's copy is loaded.
import { whenPresent } from "./binding.js";

const STILL_SHOWN_MS = 10_000; // The backdrop and the drop zone may still show it.
let shown = null;

export function handOver(url) {
  const before = shown;
  shown = url;
  if (before?.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(before), STILL_SHOWN_MS);
}

whenPresent("[data-scene-photo]", (photo) => {
  if (!shown || photo.complete) return;
  const frame = photo.parentElement;
  frame.style.backgroundImage = `url("${shown}")`;
  photo.addEventListener("load", () => {
    frame.style.backgroundImage = "";
    handOver(null);
  }, { once: true });
});
