// Keeps answers until the site has them, in the order in which they were given. They survive a
// closed tab; the site knows an answer by its id, so sending one again does no harm.
import { post } from "./grade-server.js";

const SHORTEST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;

export class Outbox extends EventTarget {
  state = "idle"; // idle, sending, waiting (for the network) or login
  #key;
  #token;
  #memory = null; // the entries, where the browser stores nothing
  #sending = null;
  #tries = 0;
  #timer = 0;

  constructor(key, token) {
    super();
    this.#key = key;
    this.#token = token;
    window.addEventListener("online", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden || this.flush());
  }

  // Entries are { id, url, body, ... }; the rest is for whoever added them.
  get entries() {
    if (this.#memory) return this.#memory;
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "[]");
    } catch {
      return [];
    }
  }

  // Of the pairs whose answers wait to be sent.
  get tokens() {
    return this.entries.map((entry) => entry.body.token).filter(Boolean);
  }

  add(entry) {
    this.#store([...this.entries, entry]);
    this.flush();
  }

  // Takes an entry back that was never sent. One whose sending failed may have arrived.
  take(id) {
    const entry = this.entries.find((other) => other.id === id);
    if (!entry || entry.tried || this.#sending === id) return false;
    this.#store(this.entries.filter((other) => other.id !== id));
    this.#change();
    return true;
  }

  // Answers that wait to be sent for a lease that has another token now.
  rename(before, after) {
    for (const entry of this.entries) {
      if (entry.body.token === before) this.#edit(entry.id, { body: { ...entry.body, token: after } });
    }
  }

  async flush() {
    if (this.#sending) return;
    clearTimeout(this.#timer);
    let entry = this.entries[0];
    while (entry) {
      this.#sending = entry.id;
      if (!entry.tried) this.#edit(entry.id, { tried: true });
      if (this.state !== "waiting") this.#change("sending");
      const outcome = await post(entry.url, entry.body, this.#token);
      this.#sending = null;
      if (outcome.kind === "later") return this.#wait(outcome.afterS);
      if (outcome.kind === "login") return this.#change("login");
      this.#tries = 0;
      this.state = "sending";
      this.#store(this.entries.filter((other) => other.id !== entry.id));
      this.dispatchEvent(new CustomEvent("settled", { detail: { entry, outcome } }));
      entry = this.entries[0];
    }
    this.#change("idle");
  }

  #wait(afterS) {
    const growing = SHORTEST_WAIT_S * 2 ** this.#tries;
    this.#tries += 1;
    const seconds = Math.min(LONGEST_WAIT_S, Math.max(growing, afterS));
    this.#timer = setTimeout(() => this.flush(), seconds * 1000);
    this.#change("waiting");
  }

  #edit(id, facts) {
    this.#store(this.entries.map((entry) => (entry.id === id ? { ...entry, ...facts } : entry)));
  }

  #store(entries) {
    try {
      localStorage.setItem(this.#key, JSON.stringify(entries));
      this.#memory = null;
    } catch {
      this.#memory = entries; // storage is full or switched off: kept until the tab is closed
    }
  }

  #change(state = this.state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
