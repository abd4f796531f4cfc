// What the desk tells besides the pair: progress, the state of the queue, notices.
import { announce } from "./announcer.js";
import { words } from "./grade-words.js";

const PANELS = { empty: "done", offline: "offline", login: "login", refused: "refused" };

// The panel in the place of the pair; null shows the pair.
export function panelOf({ current, feed, outbox, returning }) {
  if (outbox.state === "login" || (!current && feed.state === "login")) return "login";
  if (current) return null;
  if (outbox.state === "waiting") return "offline";
  if (returning) return "returning";
  if (outbox.tokens.length) return "loading"; // the last answer may bring more
  return PANELS[feed.state] ?? "loading";
}

export class Status {
  #desk;
  #notice;

  constructor(desk) {
    this.#desk = desk;
    this.#notice = desk.querySelector("[data-notice]");
    desk.querySelector("[data-notice-close]").addEventListener("click", () => this.clear());
  }

  progress({ own, campaign, others_words: others }) {
    for (const [key, bar] of Object.entries({ own, campaign })) {
      const shown = this.#desk.querySelector(`[data-progress="${key}"]`);
      shown.querySelector("[data-progress-words]").textContent = bar.words;
      const meter = shown.querySelector("[data-progress-bar]");
      meter.max = bar.total || 1;
      meter.value = bar.done;
    }
    this.#desk.querySelector("[data-others]").textContent = others;
  }

  panel(name, problem) {
    this.#desk.dataset.state = name ?? "pair";
    for (const panel of this.#desk.querySelectorAll("[data-panel]")) {
      panel.hidden = panel.dataset.panel !== name;
    }
    const shown = this.#desk.querySelector(`[data-panel="${name}"]`);
    if (name === "refused") {
      shown.querySelector("[data-refused-title]").textContent = problem.title ?? words("unknown-title");
      shown.querySelector("[data-refused-detail]").textContent = problem.detail ?? words("unknown-detail");
    }
    if (shown) announce(shown.textContent.replace(/\s+/g, " "));
  }

  line(outbox, feed, current) {
    const line = this.#desk.querySelector("[data-status]");
    const count = outbox.entries.length;
    let said = "";
    if (count && outbox.state === "waiting") said = words(count === 1 ? "waits-one" : "waits", { count });
    else if (!current) said = count ? words("sending") : "";
    else if (!current.isLoaded) said = words("photo-loading");
    else if (!feed.next) said = feed.state === "refused" ? "" : words(feed.state === "empty" ? "last" : "loading");
    else said = words(feed.next.isLoaded ? "ready" : "loading");
    if (said && outbox.state === "waiting" && line.dataset.trouble !== "true") announce(said);
    line.dataset.trouble = String(outbox.state === "waiting" || feed.state === "offline");
    if (line.textContent !== said) line.textContent = said;
  }

  notice({ title, detail }) {
    const said = `${title ?? words("unknown-title")}. ${detail ?? words("unknown-detail")}`;
    this.say(said);
  }

  say(sentence) {
    this.#notice.querySelector("[data-notice-words]").textContent = sentence;
    this.#notice.hidden = false;
    announce(sentence);
  }

  clear() {
    this.#notice.hidden = true;
  }
}
