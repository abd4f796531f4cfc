// What was answered in this tab, latest last: for undo. A reload keeps it.

const MOST_STEPS = 500;

export class History {
  #key;
  #steps;

  constructor(key) {
    this.#key = key;
    try {
      this.#steps = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    } catch {
      this.#steps = [];
    }
  }

  get length() {
    return this.#steps.length;
  }

  push(step) {
    this.#steps = [...this.#steps, step].slice(-MOST_STEPS);
    this.#store();
  }

  pop() {
    const step = this.#steps.pop();
    this.#store();
    return step;
  }

  forget(id) {
    this.#steps = this.#steps.filter((step) => step.id !== id);
    this.#store();
  }

  #store() {
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(this.#steps));
    } catch {
      // Switched off: undo works until the page is left.
    }
  }
}

const MOST_RECENT = 10;

// Answered pairs by token, latest last, so that undo shows them at once.
export class Recent extends Map {
  keep(token, pair) {
    this.delete(token);
    this.set(token, pair);
    if (this.size > MOST_RECENT) this.delete(this.keys().next().value);
  }
}
