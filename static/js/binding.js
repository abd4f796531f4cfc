// Binds a behaviour once to every matching element, including those that htmx inserts later.

export function whenPresent(selector, bind) {
  const bound = new WeakSet();
  const visit = () => {
    for (const element of document.querySelectorAll(selector)) {
      if (bound.has(element)) continue;
      bound.add(element);
      bind(element);
    }
  };
  visit();
  document.addEventListener("htmx:load", visit);
}
