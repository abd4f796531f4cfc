// Uploads a photo as soon as it is chosen, taken, pasted or dropped anywhere on the page.
import { showBackdrop } from "./backdrop.js";
import { whenPresent } from "./binding.js";
import { handOver } from "./photo-handover.js";
import { refuse, showSending } from "./upload-answers.js";

const BYTES_PER_MB = 1_000_000;
// Browsers know few photos by their type: it may be empty, image/jpg, or for HEIC one of no meaning.
const SAYS_NOTHING = ["", "application/octet-stream"];
const NAMED_AS_PHOTO = /\.(?:jpe?g|jpe|jfif|png|webp|hei[cf]s?|hif)$/i;

const figure = (number, options) => number.toLocaleString(document.documentElement.lang, options);
const zone = () => document.querySelector("[data-upload]");

function mayBePhoto({ name, type }) {
  return type.startsWith("image/") || SAYS_NOTHING.includes(type) || NAMED_AS_PHOTO.test(name);
}

// Checks the file first, to save a useless upload. The server checks again, by the content.
function send(form, file) {
  const max = Number(form.dataset.maxMegabytes);
  if (!mayBePhoto(file)) {
    refuse(form, "unsupported_media_type", { name: file.name });
    return;
  }
  if (file.size > max * BYTES_PER_MB) {
    const size = figure(file.size / BYTES_PER_MB, { maximumFractionDigits: 1 });
    refuse(form, "file_too_large", { size, max: figure(max) });
    return;
  }
  const input = form.querySelector("input[name=photo]");
  if (input.files[0] !== file) {
    const transfer = new DataTransfer();
    transfer.items.add(file);
    input.files = transfer.files;
  }
  const picture = URL.createObjectURL(file);
  handOver(picture);
  showBackdrop(picture);
  showSending(form, picture);
  form.requestSubmit();
}

whenPresent("[data-upload]", (form) => {
  for (const input of form.querySelectorAll("[data-upload-input]")) {
    input.addEventListener("change", () => input.files[0] && send(form, input.files[0]));
  }
});

// Without this the browser would open a file that is dropped beside the zone.
const carriesFile = (event) => event.dataTransfer?.types.includes("Files") && zone();

document.addEventListener("dragover", (event) => {
  const form = carriesFile(event);
  if (!form) return;
  event.preventDefault();
  form.dataset.over = "";
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) delete zone()?.dataset.over;
});

document.addEventListener("drop", (event) => {
  const form = carriesFile(event);
  if (!form) return;
  event.preventDefault();
  delete form.dataset.over;
  if (event.dataTransfer.files[0]) send(form, event.dataTransfer.files[0]);
});

document.addEventListener("paste", (event) => {
  const form = zone();
  const file = event.clipboardData?.files[0];
  if (!form || !file) return;
  event.preventDefault();
  send(form, file);
});
