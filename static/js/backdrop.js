// Shows the current photo, blurred, behind the page: the sample under the pointer, the photo that
// was just chosen, or the photo of the result page.
import { whenPresent } from "./binding.js";

const backdrop = document.querySelector("[data-backdrop]");
let wanted = backdrop.querySelector("img")?.src;

export async function showBackdrop(url) {
  if (!url || url === wanted) return;
  wanted = url;
  const photo = new Image();
  photo.alt = "";
  photo.src = url;
  photo.dataset.state = "coming";
  try {
    await photo.decode();
  } catch {
    return; // The browser cannot show this format, for example HEIC.
  }
  if (wanted !== url) return;
  const before = [...backdrop.querySelectorAll("img")];
  backdrop.append(photo);
  photo.getBoundingClientRect(); // Forces a layout, so that the change of state is animated.
  delete photo.dataset.state;
  for (const old of before) {
    old.dataset.state = "going";
    setTimeout(() => old.remove(), 600);
  }
}

whenPresent("[data-sample]", (sample) => {
  const { src } = sample.querySelector("img");
  sample.addEventListener("pointerenter", () => showBackdrop(src));
  sample.addEventListener("focusin", () => showBackdrop(src));
});

whenPresent("[data-scene-photo]", (photo) => showBackdrop(photo.src));
