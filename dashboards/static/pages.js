// j and k move along a list, enter opens it; buttons copy; a click on a head sorts a table. Every page works without.
"use strict";
const rows = () => [...document.querySelectorAll("[data-list] > li, [data-list] tbody > tr")];
let at = -1;
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = rows();
  if ((event.key === "j" || event.key === "k") && all.length) {
    at = Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), all.length - 1);
    const link = all[at].querySelector("a");
    if (link) link.focus();
  }
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.done;
  });
}
for (const head of document.querySelectorAll("table th")) {
  head.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const column = head.cellIndex;
    const down = head.getAttribute("aria-sort") !== "descending";
    const value = (row) => row.cells[column].dataset.value || row.cells[column].textContent.trim();
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      const number = Number(x) - Number(y);
      return Number.isNaN(number) ? x.localeCompare(y) : number;
    };
    body.append(...[...body.rows].sort((a, b) => (down ? order(b, a) : order(a, b))));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  });
}
for (const live of document.querySelectorAll("[data-live]")) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(live.dataset.live, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(live.id);
    if (fresh) live.replaceChildren(...fresh.childNodes);
  }, 10000);
}
