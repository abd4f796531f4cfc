// The photo the visitor already sees stands in for the server's copy until that has come.
import { whenPresent } from "./binding.js";

const STILL_SHOWN_MS = 10_000; // The room and the drop zone may be showing it as well.
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
