// The answer buttons: the countdown in them, the chosen reasons, the reasons for a skip in their
// place, and the answer that was given before an undo.
import { announce } from "./announcer.js";
import { listening } from "./grade-listening.js";
import { words } from "./grade-words.js";

export class Answers extends EventTarget {
  #grades;
  #skips;
  #faults;
  #skip;
  #waitsS = 0;
  #before = null;
  #isOff = true;

  constructor(desk) {
    super();
    this.#grades = [...desk.querySelectorAll("[data-grade]")];
    this.#faults = [...desk.querySelectorAll("[data-fault]")];
    this.#skips = desk.querySelector("[data-skips]");
    this.#skip = desk.querySelector("[data-act=skip]");
    for (const button of this.#grades) this.#on(button, "grade", button.dataset.grade);
    for (const button of desk.querySelectorAll("[data-skip]")) this.#on(button, "skip", button.dataset.skip);
    for (const button of this.#faults) {
      button.addEventListener("click", (event) => {
        if (!this.#isOff) this.#press(button, button.ariaPressed !== "true");
        letGo(event);
      });
    }
  }

  get faults() {
    return this.#faults.filter(isPressed).map((button) => button.dataset.fault);
  }

  get isAskingWhy() {
    return !this.#skips.inert;
  }

  // Shows the buttons for a new pair, or without one. `before` is the step that was undone.
  reset({ isOff = false, before = null } = {}) {
    this.#isOff = isOff;
    this.#before = before?.kind === "grade" ? before.grade : null;
    for (const button of this.#faults) {
      button.ariaPressed = String(before?.faults?.includes(button.dataset.fault) ?? false);
      button.ariaDisabled = String(isOff);
    }
    this.#skip.ariaDisabled = String(isOff);
    this.askWhy(false);
    this.#paint();
  }

  // Shows how many seconds of a pair's sound are still to be heard.
  countdown(pair) {
    this.#waitsS = Math.ceil(listening.missingS);
    if (pair && this.#waitsS === 0 && listening.leastS > 0) announce(words("may-answer"));
    this.#paint();
  }

  // Returns why a grade cannot be given now: nothing, "off", "listen" or "reasons".
  refusal(grade) {
    if (this.#isOff) return "off";
    if (this.#waitsS > 0) return "listen";
    return grade === "good" && this.faults.length ? "reasons" : "";
  }

  toggle(number) {
    const button = this.#faults[number];
    if (button && !this.#isOff) this.#press(button, !isPressed(button));
  }

  clearFaults() {
    for (const button of this.#faults) button.ariaPressed = "false";
    this.#paint();
  }

  // Shows or hides the reasons for a skip in the place of the grades; focus goes along.
  askWhy(asks) {
    if (asks === this.isAskingWhy || (asks && this.#isOff)) return;
    const hadFocus = this.#skips.contains(document.activeElement);
    this.#skips.inert = !asks;
    this.#grades[0].parentElement.inert = asks;
    this.#skip.ariaExpanded = String(asks);
    if (asks) this.#skips.focus({ preventScroll: true }); // no button: Space still plays
    else if (hadFocus) document.activeElement.blur();
  }

  skipReason(number) {
    return this.#skips.querySelectorAll("[data-skip]")[number]?.dataset.skip;
  }

  #press(button, isOn) {
    button.ariaPressed = String(isOn);
    this.#paint();
  }

  #paint() {
    for (const button of this.#grades) {
      const refusal = this.refusal(button.dataset.grade);
      const before = button.dataset.grade === this.#before;
      const says = { listen: "listen", reasons: "reasons" }[refusal] ?? (before ? "before" : "meaning");
      button.ariaDisabled = String(refusal !== "");
      button.toggleAttribute("data-before", before);
      for (const line of button.querySelectorAll("[data-say]")) {
        const isSaid = line.dataset.say === says;
        line.toggleAttribute("data-off", !isSaid); // not hidden: its place is kept
        if (isSaid && says === "listen") line.textContent = words("listen", { seconds: this.#waitsS });
      }
    }
  }

  #on(button, type, value) {
    button.addEventListener("click", (event) => {
      letGo(event);
      this.dispatchEvent(new CustomEvent(type, { detail: value }));
    });
  }
}

const isPressed = (button) => button.ariaPressed === "true";

// After a click or a tap the space bar plays again, rather than pressing the button once more.
export function letGo(event) {
  if (event.detail > 0) event.currentTarget.blur();
}
