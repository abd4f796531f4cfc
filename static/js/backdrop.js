// The room takes the light of whatever photo is looked at: a sample under the pointer, the photo
// that was just picked, the one on the result page.
import { whenPresent } from "./binding.js";

const room = document.querySelector("[data-backdrop]");
let wanted = room.querySelector("img")?.src;

export async function light(url) {
  if (!url || url === wanted) return;
  wanted = url;
  const photo = new Image();
  photo.alt = "";
  photo.src = url;
  photo.dataset.state = "coming";
  try {
    await photo.decode();
  } catch {
    return; // A photo this browser cannot show (HEIC, say) leaves the room as it was.
  }
  if (wanted !== url) return;
  const before = [...room.querySelectorAll("img")];
  room.append(photo);
  photo.getBoundingClientRect(); // Let the first state count, so that there is a transition.
  delete photo.dataset.state;
  for (const old of before) {
    old.dataset.state = "going";
    setTimeout(() => old.remove(), 600);
  }
}

whenPresent("[data-sample]", (sample) => {
  const { src } = sample.querySelector("img");
  sample.addEventListener("pointerenter", () => light(src));
  sample.addEventListener("focusin", () => light(src));
});

whenPresent("[data-scene-photo]", (photo) => light(photo.src));
