// Seeks in a recording by clicks, drags and keys on its waveform.
import { whenPresent } from "./binding.js";
import { clipOf } from "./clip.js";
import { paintTime } from "./player.js";
import { sound } from "./sound.js";

const LARGEST_STEP_S = 5;

function seekTo(player, seconds) {
  const clip = clipOf(player);
  const place = Math.min(Math.max(0, seconds), clip.durationS - 0.01);
  if (sound.clip?.src === clip.src) sound.seek(place);
  else sound.play(clip, place);
}

function keyTarget(key, { time, durationS }) {
  const step = Math.min(LARGEST_STEP_S, durationS / 20);
  const places = {
    ArrowRight: time + step,
    ArrowUp: time + step,
    ArrowLeft: time - step,
    ArrowDown: time - step,
    PageUp: time + durationS / 4,
    PageDown: time - durationS / 4,
    Home: 0,
    End: durationS - step,
  };
  return places[key];
}

whenPresent("[data-seek]", (slider) => {
  const player = slider.closest("[data-player]");
  const placeOf = (event) => {
    const box = slider.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return share * clipOf(player).durationS;
  };

  slider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    slider.setPointerCapture(event.pointerId);
    slider.dataset.dragging = "";
    paintTime(player, placeOf(event));
  });
  slider.addEventListener("pointermove", (event) => {
    if ("dragging" in slider.dataset) paintTime(player, placeOf(event));
  });
  slider.addEventListener("pointerup", (event) => {
    if (!("dragging" in slider.dataset)) return;
    delete slider.dataset.dragging;
    seekTo(player, placeOf(event));
  });
  // The browser used the gesture for scrolling.
  slider.addEventListener("pointercancel", () => {
    delete slider.dataset.dragging;
    paintTime(player, sound.clip?.src === player.dataset.src ? sound.time : 0);
  });

  slider.addEventListener("keydown", (event) => {
    const { durationS, src } = clipOf(player);
    const time = sound.clip?.src === src ? sound.time : 0;
    const place = keyTarget(event.key, { time, durationS });
    if (place === undefined) return;
    event.preventDefault();
    seekTo(player, place);
  });
});
