// A pair as the site sends it, and the loading of its photo.
import { clipOf } from "./clip.js";

const MOST_TRIES = 20; // to load the photo
const LONGEST_WAIT_S = 30;

export function pairOf(token, html) {
  const shell = document.createElement("template");
  shell.innerHTML = html;
  const article = document.importNode(shell.content.querySelector("[data-pair]"), true);
  const clip = clipOf(article.querySelector("[data-player]"));
  const pair = { token, article, clip, src: clip.src, durationS: clip.durationS, heardS: 0 };
  pair.whenLoaded = loaded(pair);
  return pair;
}

// The site does not give the photo of a pair that was skipped or lost.
export function leave(pair) {
  pair.loading = null;
}

// An answer that was never sent is taken back: the pair is lent still.
export function comeBack(pair) {
  if (pair.loading || pair.isLoaded) return;
  askAgain(photoOf(pair));
  pair.whenLoaded = loaded(pair);
}

// Asks for the photo until it is there; a lost connection breaks it.
async function loaded(pair) {
  const loading = Symbol("loading");
  pair.loading = loading;
  const photo = photoOf(pair);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const wait = Math.min(LONGEST_WAIT_S, 2 ** tries);
    const decoded = await photo.decode().then(() => true, () => false);
    if (decoded) return void (pair.isLoaded = true);
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    if (pair.loading !== loading) return;
    askAgain(photo);
  }
}

const photoOf = (pair) => pair.article.querySelector("[data-photo]");

function askAgain(photo) {
  photo.src = photo.getAttribute("src");
}
