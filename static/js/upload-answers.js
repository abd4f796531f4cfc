// Shows an upload's preview, progress and error in the drop zone.
import { whenPresent } from "./binding.js";

const within = (form, name) => form.querySelector(`[data-upload-${name}]`);

// Fills figures into a message, which the page contains as <template data-words="...">.
export function words(form, key, figures = {}) {
  const copy = form.querySelector(`template[data-words="${key}"]`).content.cloneNode(true);
  const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    node.data = node.data.replace(/\{(\w+)\}/g, (whole, name) => figures[name] ?? whole);
  }
  return copy;
}

export function showSending(form, pictureUrl) {
  const preview = within(form, "preview");
  preview.hidden = true;
  preview.addEventListener("load", () => { preview.hidden = false; }, { once: true });
  preview.src = pictureUrl;
  // On a result page the photo that is shown moves; two of one name would end the transition.
  preview.classList.toggle("photo-in-transit", !document.querySelector("[data-scene-photo]"));
  within(form, "message").replaceChildren();
  within(form, "progress").value = 0;
  within(form, "stage").replaceChildren(words(form, "sending"));
  within(form, "sending").hidden = false;
  form.dataset.state = "sending";
}

export function refuse(form, key, figures) {
  showAsking(form);
  within(form, "message").replaceChildren(words(form, key, figures));
}

function showAsking(form) {
  delete form.dataset.state;
  within(form, "sending").hidden = true;
  within(form, "preview").classList.remove("photo-in-transit");
  for (const input of form.querySelectorAll("[data-upload-input]")) input.value = "";
}

// The message for an error without a response of this site, e.g. of a lost connection or a proxy.
function errorKey(xhr) {
  if (!xhr.status) return "not_sent";
  return xhr.status === 403 ? "page_too_old" : "server_trouble";
}

whenPresent("[data-upload]", (form) => {
  within(form, "cancel").addEventListener("click", () => {
    // Because of hx-sync, htmx keeps the request at <main>.
    htmx.trigger(form.closest("main"), "htmx:abort");
  });
  form.addEventListener("htmx:xhr:progress", (event) => {
    const { lengthComputable, loaded, total } = event.detail;
    const bar = within(form, "progress");
    if (!lengthComputable || form.dataset.state !== "sending") return;
    bar.value = Math.max(bar.value, (100 * loaded) / total);
    if (loaded === total) within(form, "stage").replaceChildren(words(form, "checking"));
  });
});

// Swaps in error responses that name a target; htmx would ignore them.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status < 400 || !xhr.getResponseHeader("HX-Retarget")) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = document.querySelector("[data-upload]");
  const { xhr } = event.detail;
  if (!form || !event.target.matches("[data-upload], [data-sample]")) return;
  if (xhr.status >= 200 && xhr.status < 400) return;
  showAsking(form);
  if (!xhr.getResponseHeader("HX-Retarget")) refuse(form, errorKey(xhr));
  within(form, "message").scrollIntoView({ block: "nearest" });
});

// Cancelled by the visitor: show no error.
document.addEventListener("htmx:sendAbort", () => {
  document.querySelector("[data-upload-message]")?.replaceChildren();
});
