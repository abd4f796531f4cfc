// What follows from the site's outcome of an answer or of an undo, and from a lost lease.
import { words } from "./grade-words.js";

const MAY_COME_AGAIN = ["listened_too_short", "answer_invalid", "unknown"];

export function settle(session, campaign, { entry, outcome }) {
  if (entry.campaign !== campaign) return; // left by another page
  if (outcome.kind === "done") {
    session.status.progress(outcome.data.progress);
    if (entry.step) returned(session, entry.step, outcome.data.pair);
  } else {
    session.status.notice(outcome);
    if (entry.step) notReturned(session, entry.step);
    else refused(session, entry, outcome.code);
  }
  if (!session.current) session.feed.state = "loading"; // until the site has said what is left now
  session.feed.fill(session.current !== null);
}

export function lose(session, tokens) {
  session.feed.drop(tokens);
  if (!tokens.includes(session.current?.token)) return;
  session.status.say(words("pair-lost"));
  session.advance();
}

function refused({ history, recent, feed }, entry, code) {
  history.forget(entry.id);
  recent.delete(entry.body.token);
  if (MAY_COME_AGAIN.includes(code)) feed.forget(entry.body.token);
}

// The pair of an undone answer, shown already if it was at hand; its lease may have a new token.
function returned(session, step, data) {
  const { feed, outbox, recent } = session;
  const before = recent.get(step.token);
  if (before && step.token === data.token) return;
  const pair = feed.admit(data);
  if (!before) {
    if (awaits(session, step)) session.bringBack(pair, step);
    else feed.putBack(pair);
    return;
  }
  pair.heardS = before.heardS;
  outbox.rename(step.token, data.token);
  if (before === session.current) session.show(pair, step);
  else feed.replace(before, pair);
}

function notReturned(session, step) {
  session.feed.drop([step.token]);
  const isShown = session.current?.token === step.token;
  const isAwaited = awaits(session, step);
  if (isAwaited) session.returning = null;
  if (isShown || isAwaited) session.advance();
}

const awaits = ({ returning }, step) => returning?.id === step.id;

// Another tab may send what waits, and alone hear the outcome.
export function stopWaiting(session) {
  const { feed, outbox, returning } = session;
  if (!returning || outbox.state !== "idle") return;
  if (outbox.entries.some(({ step }) => step?.id === returning.id)) return;
  session.returning = null;
  feed.forget(returning.token); // the site may have lent it again
  feed.state = "loading";
  feed.fill(false);
}
