// Fetches pairs ahead of need: their photos are decoded, and the next sound begins to load.
import { leave, pairOf } from "./grade-pair.js";
import { post } from "./grade-server.js";
import { sound } from "./sound.js";

const AHEAD = 2;
const SHORTEST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;
const LOOK_AGAIN_MS = 60_000;

export class Feed extends EventTarget {
  state = "loading"; // loading, ready, empty, offline, login or refused
  problem = null;
  #address;
  #token;
  #ready = [];
  #known = new Set(); // tokens that this page shows, holds or has answered
  #awaited; // returns tokens whose answers wait to be sent
  #asking = false;
  #askAgain = false;
  #tries = 0;
  #timer = 0;

  constructor({ nextUrl, token }, awaited) {
    super();
    this.#address = nextUrl;
    this.#token = token;
    this.#awaited = awaited;
    window.addEventListener("online", () => this.fill());
  }

  get next() {
    return this.#ready[0] ?? null;
  }

  get tokens() {
    return this.#ready.map((pair) => pair.token);
  }

  take() {
    const pair = this.#ready.shift() ?? null;
    this.#prepare();
    return pair;
  }

  putBack(pair) {
    this.#ready = [pair, ...this.#ready.filter((held) => held.token !== pair.token)];
  }

  // A pair that may be offered again.
  forget(token) {
    this.#known.delete(token);
  }

  drop(tokens) {
    const gone = this.#ready.filter((pair) => tokens.includes(pair.token));
    for (const pair of gone) {
      leave(pair);
      sound.drop(pair.clip);
    }
    this.#ready = this.#ready.filter((pair) => !gone.includes(pair));
    tokens.forEach((token) => this.#known.delete(token));
    this.fill();
  }

  replace(pair, other) {
    this.#ready = this.#ready.map((held) => (held === pair ? other : held));
  }

  admit({ token, html }) {
    this.#known.add(token);
    return pairOf(token, html);
  }

  async fill(isShowing = true) {
    const missing = AHEAD + (isShowing ? 0 : 1) - this.#ready.length;
    if (missing <= 0) return;
    // What was asked before may not know of an answer that frees pairs.
    if (this.#asking) return void (this.#askAgain = true);
    clearTimeout(this.#timer);
    this.#asking = true;
    this.#askAgain = false;
    const awaited = this.#awaited();
    const wanted = Math.min(12, this.#ready.length + missing + awaited.length + (isShowing ? 1 : 0));
    const outcome = await post(this.#address, { wanted }, this.#token);
    this.#asking = false;
    if (outcome.kind === "done") this.#receive(outcome.data, [...awaited, ...this.#awaited()]);
    else if (outcome.kind === "later") this.#retry(outcome);
    else this.#become(outcome.kind, outcome);
    if (this.#askAgain) this.fill(isShowing);
  }

  #receive({ pairs, progress }, awaited) {
    this.#tries = 0;
    const fresh = pairs.filter(({ token }) => !this.#known.has(token) && !awaited.includes(token));
    this.#ready.push(...fresh.map((pair) => this.admit(pair)));
    this.#prepare();
    this.dispatchEvent(new CustomEvent("progress", { detail: progress }));
    if (!this.#ready.length) this.#lookAgain();
    this.#become(this.#ready.length ? "ready" : "empty");
  }

  // A tab that nobody looks at would take pairs from others.
  #lookAgain() {
    this.#timer = setTimeout(() => (document.hidden ? this.#lookAgain() : this.fill()), LOOK_AGAIN_MS);
  }

  // A busy site is there, and serves other reviewers for a moment.
  #retry({ code, afterS }) {
    const isBusy = code === "busy";
    const seconds = Math.max(isBusy ? SHORTEST_WAIT_S : 2 ** this.#tries, afterS);
    if (!isBusy) this.#tries += 1;
    this.#timer = setTimeout(() => this.fill(), Math.min(LONGEST_WAIT_S, seconds) * 1000);
    this.#become(isBusy ? "loading" : "offline");
  }

  #become(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.dispatchEvent(new Event("change"));
  }

  #prepare() {
    if (this.next) sound.prepare(this.next.clip);
    this.next?.whenLoaded.then(() => this.dispatchEvent(new Event("change")));
  }
}
