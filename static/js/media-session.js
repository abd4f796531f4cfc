// Registers the playing recording with the system, for the lock screen and media keys.
import { sound } from "./sound.js";

const session = navigator.mediaSession;

function describe() {
  const photo = document.querySelector("[data-scene-photo]");
  session.metadata = new MediaMetadata({
    title: sound.clip.title,
    artist: sound.clip.author,
    album: document.querySelector("[data-scene-title]")?.textContent.trim() ?? "",
    artwork: photo ? [{ src: photo.src }] : [],
  });
}

if (session) {
  sound.addEventListener("change", () => {
    if (!sound.clip) return;
    if (session.metadata?.title !== sound.clip.title) describe();
    session.playbackState = sound.state === "playing" ? "playing" : "paused";
  });
  session.setActionHandler("play", () => sound.clip && sound.play(sound.clip));
  session.setActionHandler("pause", () => sound.pause());
  session.setActionHandler("seekto", (details) => sound.seek(details.seekTime));
}
