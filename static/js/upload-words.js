// Fills the figures into the upload messages, which the page contains as <template data-words="...">.

export function words(form, key, figures = {}) {
  const template = form.querySelector(`template[data-words="${key}"]`);
  const copy = template.content.cloneNode(true);
  const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    node.data = node.data.replace(/\{(\w+)\}/g, (whole, name) => figures[name] ?? whole);
  }
  return copy;
}
