/* Runs before the first paint: applies the chosen theme, so that nothing flashes. */
(() => {
  const chosen = localStorage.getItem("wattnote.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
