// What can't be taken back is asked about, and a second press of a form's button sends nothing.
const SENT_MS = 8000;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const { asks, sent } = form.dataset;
  if (sent || (asks && !confirm(asks))) return event.preventDefault();
  form.dataset.sent = "true";
  setTimeout(() => delete form.dataset.sent, SENT_MS);
});

// The browser's "back" shows the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
