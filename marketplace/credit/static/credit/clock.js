// A claim's clock: how long its window still runs, beside the moment at which it ends.
for (const clock of document.querySelectorAll("time[data-until]")) {
  const ends = clock.textContent;
  const until = Number(clock.dataset.until);
  const show = () => {
    const left = Math.max(0, Math.floor(until - Date.now() / 1000));
    const days = Math.floor(left / 86400);
    const rest = [Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60, left % 60];
    const hours = rest.map((part) => String(part).padStart(2, "0")).join(":");
    clock.textContent = left ? `${ends} (${days ? `${days} d ` : ""}${hours})` : ends;
    clock.dataset.left = String(left);
  };
  show();
  setInterval(show, 1000);
}
