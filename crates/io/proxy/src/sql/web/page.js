// Fetches the middle of the page anew every two seconds, and sorts the statements as the reader asked.
(() => {
  const main = document.querySelector("main");
  document.documentElement.classList.add("live");
  let by, down = true;
  const sort = () => {
    const table = main.querySelector(".sortable");
    if (!table || !by) return;
    const value = (row) => +row.querySelector(`td[data-t="${by}"]`).dataset.v;
    const rows = [...table.tBodies[0].rows].sort((a, b) => (value(b) - value(a)) * (down ? 1 : -1));
    table.tBodies[0].append(...rows);
    for (const title of table.tHead.rows[0].cells) {
      if (title.dataset.t === by) title.setAttribute("aria-sort", down ? "descending" : "ascending");
      else title.removeAttribute("aria-sort");
    }
  };
  main.addEventListener("click", (event) => {
    const title = event.target.closest(".sortable th button")?.parentElement.dataset.t;
    if (!title) return;
    down = by === title ? !down : true;
    by = title;
    sort();
  });
  const busy = () => document.hidden || !getSelection().isCollapsed;
  setInterval(async () => {
    if (busy()) return;
    try {
      const answer = await fetch(`${location.origin}/part`);
      if (!answer.ok) throw answer.status;
      const text = await answer.text();
      if (busy()) return;
      const focused = main.contains(document.activeElement) && document.activeElement.parentElement.dataset.t;
      main.innerHTML = text;
      sort();
      if (focused) main.querySelector(`th[data-t="${focused}"] button`)?.focus();
      main.classList.remove("late");
    } catch {
      main.classList.add("late");
    }
  }, 2000);
})();
