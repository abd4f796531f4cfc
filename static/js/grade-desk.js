// Binds keys and buttons to a reviewer's session.
import { whenPresent } from "./binding.js";
import { letGo } from "./grade-answers.js";
import { onKeys } from "./grade-keys.js";
import { Session } from "./grade-session.js";
import { openHelp, settingsOf } from "./grade-settings.js";
import { sound } from "./sound.js";

const GRADES = { 1: "good", 2: "decent", 3: "bad" };
const FIRST_FAULT = 4;
const WITHOUT_CHARACTER = [" ", "escape"]; // stay on where single keys are switched off
const NARROW = "(max-width: 59.9em)";

function stepsOf(desk, session) {
  const { answers } = session;
  return {
    skip: () => answers.askWhy(!answers.isAskingWhy),
    "skip-not": () => answers.askWhy(false),
    undo: () => session.undo(),
    play: () => session.current && sound.toggle(session.current.clip),
    replay: () => session.current && sound.play(session.current.clip, 0),
    help: () => openHelp(desk),
    "look-again": () => session.lookAgain(),
  };
}

function keysOf(session, steps, settings) {
  const { answers, status } = session;
  const letters = { s: steps.skip, u: steps.undo, r: steps.replay, "?": steps.help, " ": steps.play };
  const escape = () => {
    if (answers.isAskingWhy) return answers.askWhy(false);
    answers.clearFaults();
    status.clear();
  };
  const number = (figure) => {
    if (answers.isAskingWhy) return session.skip(answers.skipReason(figure - 1));
    if (GRADES[figure]) return session.grade(GRADES[figure]);
    answers.toggle(figure - FIRST_FAULT);
  };
  return (key) => {
    if (!settings.keys && !WITHOUT_CHARACTER.includes(key)) return false;
    const act = /^[1-9]$/.test(key) ? () => number(Number(key)) : { ...letters, escape }[key];
    act?.();
    return Boolean(act);
  };
}

whenPresent("[data-desk]", (desk) => {
  const settings = settingsOf(desk);
  const session = new Session(desk, settings);
  const steps = stepsOf(desk, session);
  onKeys(keysOf(session, steps, settings));
  for (const button of desk.querySelectorAll("[data-act]")) {
    button.addEventListener("click", (event) => {
      letGo(event);
      steps[button.dataset.act]();
    });
  }
  if (matchMedia(NARROW).matches) desk.querySelector("[data-guideline]").open = false;
});
