// The photo the visitor already sees stands in for the server's copy until that has come.
import { whenPresent } from "./binding.js";

let shown = null;

export function handOver(url) {
  if (shown?.startsWith("blob:") && shown !== url) URL.revokeObjectURL(shown);
  shown = url;
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
