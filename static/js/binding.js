// Binds a behaviour once to every matching element, including those that htmx inserts later.

const visits = [];

// For elements that a script has inserted.
export function bindPresent() {
  for (const visit of visits) visit();
}

export function whenPresent(selector, bind) {
  const bound = new WeakSet();
  const visit = () => {
    for (const element of document.querySelectorAll(selector)) {
      if (bound.has(element)) continue;
      bound.add(element);
      bind(element);
    }
  };
  visits.push(visit);
  visit();
  document.addEventListener("htmx:load", visit);
}
