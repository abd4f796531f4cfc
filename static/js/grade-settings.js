// The help with its settings, which the browser keeps.

const KEY = "review-settings";

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

// Returns the settings, which follow their boxes: autoplay and keys.
export function settingsOf(desk) {
  const boxes = [...desk.querySelectorAll("[data-setting]")];
  const settings = Object.fromEntries(boxes.map((box) => [box.dataset.setting, true]));
  Object.assign(settings, stored());
  for (const box of boxes) {
    box.checked = settings[box.dataset.setting];
    box.addEventListener("change", () => {
      settings[box.dataset.setting] = box.checked;
      try {
        localStorage.setItem(KEY, JSON.stringify(settings));
      } catch {
        // Until the page is left.
      }
    });
  }
  return settings;
}

export function openHelp(desk) {
  const help = desk.querySelector("[data-help]");
  // A click beside it closes it.
  help.onclick = (event) => {
    if (event.target === help) help.close();
  };
  help.showModal();
}
