// The volume of all players and whether they are mute, remembered by the browser.

const KEY = "volume";

class Volume extends EventTarget {
  level = 1; // above 0, at most 1; kept while mute
  muted = false;

  constructor() {
    super();
    try {
      const { level, muted } = JSON.parse(localStorage.getItem(KEY)) ?? {};
      if (level > 0 && level <= 1) this.level = level;
      this.muted = muted === true;
    } catch {
      // Storage is forbidden, or holds something else: full volume.
    }
  }

  // Of the amplitude; its square makes equal steps of the level sound alike.
  get gain() {
    return this.muted ? 0 : this.level ** 2;
  }

  set(level, muted) {
    this.level = level;
    this.muted = muted;
    try {
      localStorage.setItem(KEY, JSON.stringify({ level, muted }));
    } catch {
      // Storage is forbidden: the volume holds for this page.
    }
    this.dispatchEvent(new Event("change"));
  }
}

export const volume = new Volume();
