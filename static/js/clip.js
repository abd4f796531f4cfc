// Reads a recording from the data attributes of its player element.

export function clipOf(player) {
  const { src, gainDb, durationS, title, author } = player.dataset;
  return { src, title, author, gainDb: Number(gainDb), durationS: Number(durationS) };
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}
