// Refreshes unless a server is ticked or something is being typed, and lets one box tick a whole proxy.
(() => {
  const seconds = +document.body.dataset.refresh;
  const busy = () => document.querySelector("input[name=s]:checked") || document.activeElement?.matches("input,select");
  if (seconds) setInterval(() => busy() || document.hidden || location.reload(), seconds * 1000);
  document.addEventListener("change", (event) => {
    const all = event.target.dataset?.all;
    if (all === undefined) return;
    for (const box of document.querySelectorAll(`input[data-of="${all}"]`)) box.checked = event.target.checked;
  });
})();
