// Binds a behaviour once to every matching element, including those that htmx inserts later.

export function whenPresent(selector, bind) {
  const bound = new WeakSet();
  const visit = (root) => {
    const found = [...root.querySelectorAll(selector)];
    if (root.matches(selector)) found.unshift(root);
    for (const element of found) {
      if (bound.has(element)) continue;
      bound.add(element);
      bind(element);
    }
  };
  visit(document.documentElement);
  document.addEventListener("htmx:load", (event) => visit(event.detail.elt));
}
