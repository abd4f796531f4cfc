// Keeps pairs lent while somebody is at work: a key, a finger, or a sound that plays.
import { post } from "./grade-server.js";
import { sound } from "./sound.js";

const EVERY_MS = 120_000;
const LONGEST_LISTENING_MS = 600_000; // a sound plays on when its listener has left

export function keepLeases({ leasesUrl, token }, heldTokens, onLost) {
  let renewedAt = performance.now();
  let touchedAt = renewedAt;
  let isAsking = false;

  const isActive = (now) => touchedAt > renewedAt
    || (sound.state === "playing" && now - touchedAt < LONGEST_LISTENING_MS);

  async function renew() {
    const now = performance.now();
    const tokens = heldTokens();
    if (isAsking || now - renewedAt < EVERY_MS || !isActive(now) || !tokens.length) return;
    isAsking = true;
    const outcome = await post(leasesUrl, { tokens }, token);
    isAsking = false;
    if (outcome.kind !== "done") return;
    renewedAt = now;
    const lost = tokens.filter((held) => !outcome.data.tokens.includes(held));
    if (lost.length) onLost(lost);
  }

  const touch = () => {
    touchedAt = performance.now();
    renew();
  };
  document.addEventListener("keydown", touch, { capture: true });
  document.addEventListener("pointerdown", touch, { capture: true });
  document.addEventListener("visibilitychange", () => document.hidden || touch());
  setInterval(renew, EVERY_MS / 4);
}
