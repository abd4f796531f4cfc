// A reviewer's session: shows pairs, sends answers, brings pairs back.
import { announce } from "./announcer.js";
import { Answers } from "./grade-answers.js";
import { Feed } from "./grade-feed.js";
import { History, Recent } from "./grade-history.js";
import { keepLeases } from "./grade-leases.js";
import { listening, rounded } from "./grade-listening.js";
import { Outbox } from "./grade-outbox.js";
import { comeBack, leave } from "./grade-pair.js";
import { newId } from "./grade-server.js";
import { lose, settle, stopWaiting } from "./grade-settling.js";
import { Stage } from "./grade-stage.js";
import { panelOf, Status } from "./grade-status.js";
import { words } from "./grade-words.js";
import { sound } from "./sound.js";

export class Session {
  #at;
  current = null;
  returning = null; // the step whose pair is awaited, which undo brings back
  recent = new Recent();

  constructor(desk, settings) {
    this.#at = desk.dataset;
    const { person, campaign, token } = this.#at;
    this.outbox = new Outbox(`review-outbox:${person}`, token);
    this.history = new History(`review-history:${person}:${campaign}`);
    this.feed = new Feed(this.#at, () => this.outbox.tokens);
    this.answers = new Answers(desk);
    this.status = new Status(desk);
    this.stage = new Stage(desk, settings);
    listening.leastS = Number(this.#at.leastS);
    listening.addEventListener("countdown", () => this.answers.countdown(this.current));
    this.feed.addEventListener("progress", ({ detail }) => this.status.progress(detail));
    this.feed.addEventListener("change", () => this.#look());
    this.outbox.addEventListener("settled", ({ detail }) => settle(this, campaign, detail));
    this.outbox.addEventListener("change", () => {
      stopWaiting(this);
      this.#look();
    });
    this.answers.addEventListener("grade", ({ detail }) => this.grade(detail));
    this.answers.addEventListener("skip", ({ detail }) => this.skip(detail));
    keepLeases(this.#at, () => this.held, (tokens) => lose(this, tokens));
    this.outbox.flush();
    this.feed.fill(false);
  }

  grade(grade) {
    if (!this.#accepts) return;
    if (!this.current.isLoaded) return announce(words("photo-loading"));
    const refusal = this.answers.refusal(grade);
    if (refusal === "listen") this.stage.listen(this.current);
    if (refusal === "reasons") announce(words("reasons-chosen"));
    if (refusal) return;
    const faults = grade === "good" ? [] : this.answers.faults;
    const heard = { listened_s: rounded(listening.heardS), heard_to_end: listening.heardToEnd };
    this.#answer({ kind: "grade", grade, faults, ...heard, took_s: rounded(this.stage.seenS) });
  }

  skip(reason) {
    if (reason && this.#accepts) this.#answer({ kind: "skip", reason });
  }

  undo() {
    if (this.returning || this.outbox.state === "login") return;
    const step = this.history.pop();
    if (!step) return this.status.say(words("nothing-to-undo"));
    const pair = this.recent.get(step.token);
    const isTaken = pair && this.outbox.take(step.id);
    if (!isTaken) this.#send({ undoes: step.id }, { step });
    // A skipped pair is not lent to anybody, or to others, until the site has undone the skip.
    if (pair && (isTaken || step.kind !== "skip")) return this.bringBack(pair, step);
    this.recent.delete(step.token);
    this.returning = step;
    this.#putBack();
    this.show(null);
  }

  lookAgain() {
    this.outbox.flush();
    this.feed.fill(this.current !== null);
  }

  #answer(facts) {
    const pair = this.current;
    const { token } = pair;
    this.recent.keep(token, pair);
    this.advance(); // first of all: what follows must not delay the next photo
    this.history.push({ ...facts, id: this.#send({ token, ...facts }), token, heardS: pair.heardS });
    this.feed.fill(this.current !== null);
  }

  // A pair is hidden while the reviewer has to log in again.
  get #accepts() {
    return this.current && this.stage.accepts && this.outbox.state !== "login";
  }

  // Returns the id by which the site knows it again.
  #send(body, more = {}) {
    const id = newId();
    const url = more.step ? this.#at.undoUrl : this.#at.answerUrl;
    this.outbox.add({ id, url, body: { id, ...body }, campaign: this.#at.campaign, ...more });
    return id;
  }

  bringBack(pair, step) {
    this.#putBack();
    comeBack(pair);
    pair.heardS = Math.max(pair.heardS, step.heardS ?? 0);
    this.show(pair, step);
    announce(words("pair-back"));
  }

  #putBack() {
    if (this.current) this.feed.putBack(this.current);
    this.current = null;
  }

  // Leaves a pair that was answered or lost: the site may not give its sound any more.
  advance() {
    const before = this.current;
    if (before) leave(before);
    this.show(this.feed.take());
    if (before) sound.drop(before.clip);
  }

  show(pair, before = null) {
    this.current = pair;
    if (pair) this.returning = null;
    listening.follow(pair);
    this.answers.reset({ isOff: !pair, before });
    this.stage.show(pair);
    pair?.whenLoaded.then(() => this.#look());
    this.#look();
  }

  // Shows what the queue is like; takes the next pair if none is shown.
  #look() {
    const { feed, outbox } = this;
    if (!this.current && !this.returning && feed.next) return this.advance();
    this.status.line(outbox, feed, this.current);
    this.status.panel(panelOf(this), feed.problem);
  }

  // The tokens of the pairs that this page holds.
  get held() {
    return [...(this.current ? [this.current.token] : []), ...this.feed.tokens];
  }
}
