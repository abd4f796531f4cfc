// Sends the photos of a set in several requests, each below the limit of one request.
import { whenPresent } from "./binding.js";
import { words } from "./upload-answers.js";

const BYTES_PER_MB = 1_000_000;
const CREDITS = "photos.csv";
const LISTING = "photos.list";
const LONGEST_LISTING = 0.1; // of a request

const figure = (number, options) => number.toLocaleString(document.documentElement.lang, options);
const within = (form, name) => form.querySelector(`[data-upload-${name}]`);
const pathOf = (file) => file.inFolder ?? (file.webkitRelativePath || file.name);
const isZip = (file) => /\.zip$/i.test(file.name);

function say(form, key, figures) {
  within(form, "message").append(words(form, key, figures));
}

function leaveOut(form, file, key) {
  const size = figure(file.size / BYTES_PER_MB, { maximumFractionDigits: 1 });
  const most = figure(Number(form.dataset.maxBytes) / BYTES_PER_MB);
  say(form, key, { name: pathOf(file), size, most });
}

// The server applies the same rule: hidden files and other kinds are left out silently.
function isPhoto(form, file) {
  const suffix = file.name.slice(file.name.lastIndexOf(".")).toLowerCase();
  const hidden = pathOf(file).split("/").some((part) => part.startsWith(".") || part === "__MACOSX");
  return !hidden && form.dataset.suffixes.split(" ").includes(suffix);
}

// The table of licences nearest to the top goes with every request.
function creditsAmong(files) {
  const depth = (file) => pathOf(file).split("/").length;
  const tables = files.filter((file) => file.name === CREDITS);
  return tables.sort((one, other) => depth(one) - depth(other))[0];
}

// Names all photos beside the table, so that the server can tell rows without a photo.
function listingFor(credits, photos, most) {
  const listing = new File([photos.map(pathOf).join("\n")], LISTING);
  listing.inFolder = pathOf(credits).slice(0, -CREDITS.length) + LISTING;
  return listing.size <= most * LONGEST_LISTING ? listing : null;
}

// The requests for what was chosen at once: photos, a folder or a zip file.
function requestsFor(form, files) {
  const most = Number(form.dataset.maxBytes);
  const credits = creditsAmong(files);
  const photos = files.filter((file) => isPhoto(form, file));
  const listing = credits && photos.length ? listingFor(credits, photos, most) : null;
  const room = most - (credits?.size ?? 0) - (listing?.size ?? 0);
  const requests = [];
  let open = null;
  for (const file of files) {
    if (isZip(file)) {
      if (file.size > most) leaveOut(form, file, "zip_too_large");
      else requests.push([file]);
    } else if (isPhoto(form, file)) {
      if (file.size > room) {
        leaveOut(form, file, "too_large");
        continue;
      }
      const full = open && (open.bytes + file.size > room || open.files.length >= open.most);
      if (!open || full) {
        open = { bytes: 0, files: [], most: Number(form.dataset.mostFiles) - 1 };
        if (credits) open.files.push(credits);
        requests.push(open.files);
      }
      open.bytes += file.size;
      open.files.push(file);
    }
  }
  if (listing && open) requests.find((request) => request.includes(credits)).push(listing);
  return requests;
}

function bodyOf(form, files) {
  const body = new FormData();
  for (const [name, value] of new FormData(form)) if (name !== "files") body.append(name, value);
  body.append("part", "1");
  for (const file of files) {
    body.append("files", file, file.name);
    body.append("paths", pathOf(file));
  }
  return body;
}

// Returns null if the files have arrived, otherwise what to say, and the site's reason.
async function send(form, files) {
  try {
    const body = bodyOf(form, files);
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (answer.status === 204) return null;
    if (answer.type === "opaqueredirect" || answer.status === 403) return ["page_too_old"];
    const isJson = /\bjson\b/.test(answer.headers.get("Content-Type") ?? "");
    return isJson ? ["refused", { reason: (await answer.json()).detail }] : ["stopped"];
  } catch {
    return ["stopped"];
  }
}

async function sendAll(form, choices) {
  within(form, "message").replaceChildren();
  const requests = choices.flatMap((files) => requestsFor(form, files));
  const leftOut = within(form, "message").childElementCount > 0;
  const all = requests.reduce((sum, request) => sum + request.length, 0);
  if (!all) {
    if (!leftOut) say(form, "nothing");
    return;
  }
  const bar = within(form, "progress");
  const told = document.createElement("div");
  within(form, "message").append(told);
  within(form, "sending").hidden = false;
  bar.max = all;
  let sent = 0;
  for (const request of requests) {
    bar.value = sent;
    told.replaceChildren(words(form, "sending", { sent: figure(sent), all: figure(all) }));
    const trouble = await send(form, request);
    if (trouble) {
      const [key, figures] = trouble;
      told.replaceChildren(words(form, key, { sent: figure(sent), all: figure(all), ...figures }));
      within(form, "sending").hidden = true;
      return;
    }
    sent += request.length;
  }
  within(form, "sending").hidden = true;
  if (leftOut) told.replaceChildren(words(form, "rest_sent"));
  else location.assign(form.dataset.done);
}

whenPresent("[data-set-upload]", (form) => {
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    const inputs = form.querySelectorAll("input[type=file]");
    await sendAll(form, [...inputs].map((input) => [...input.files]));
    button.disabled = false;
  });
});
