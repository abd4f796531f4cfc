// Checks a file before the upload, to save a useless one. The server checks again.

const BYTES_PER_MB = 1_000_000;
const TYPES = ["image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"];

// Returns the key of a message and its figures, or null if the file is acceptable.
export function objection(file, maxMegabytes) {
  if (file.type && !TYPES.includes(file.type)) {
    return { key: "unsupported_media_type", figures: { name: file.name } };
  }
  if (file.size > maxMegabytes * BYTES_PER_MB) {
    const size = (file.size / BYTES_PER_MB).toFixed(1);
    return { key: "file_too_large", figures: { size, max: maxMegabytes } };
  }
  return null;
}
