// The slider and the button beside a player that set the volume.
import { whenPresent } from "./binding.js";
import { volume } from "./volume.js";

function paint(controls) {
  controls.querySelector("[data-volume]").value = volume.muted ? 0 : Math.round(100 * volume.level);
  controls.querySelector("[data-mute]").setAttribute("aria-pressed", String(volume.muted));
}

whenPresent("[data-volume-controls]", (controls) => {
  const slider = controls.querySelector("[data-volume]");
  slider.addEventListener("input", () => {
    const muted = slider.value === "0";
    volume.set(muted ? volume.level : slider.value / 100, muted);
  });
  controls.querySelector("[data-mute]").addEventListener("click", () => {
    volume.set(volume.level, !volume.muted);
  });
  paint(controls);
});

volume.addEventListener("change", () => {
  document.querySelectorAll("[data-volume-controls]").forEach(paint);
});
