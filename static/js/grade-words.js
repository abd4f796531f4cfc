// The words of the desk, which the page contains as <template data-words="...">.

export function words(key, figures = {}) {
  const { content } = document.querySelector(`template[data-words="${key}"]`);
  return content.textContent.replace(/\{(\w+)\}/g, (whole, name) => figures[name] ?? whole);
}
