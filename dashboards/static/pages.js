// j and k move along a list, enter opens it; buttons copy; the head of a column sorts; live numbers are asked again. Every page works without.
"use strict";
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

document.addEventListener("keydown", (event) => {
  if (!/^[jk]$/.test(event.key) || event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = all("[data-list] > li, [data-list] tbody > tr").filter((row) => row.checkVisibility() && row.querySelector("a"));
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[event.key === "j" ? here + 1 : Math.max(here - 1, 0)];
  next?.querySelector("a").focus();
});

for (const button of all("[data-copy]")) {
  const name = button.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch { // a page without https has no clipboard
      getSelection().selectAllChildren(text);
      if (!document.execCommand("copy")) return;
    }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = name; }, 4000);
  });
}

// Numbers are read as the language writes them; a cell without one comes last, whichever way.
const isRussian = document.documentElement.lang === "ru";
const textOf = (cell) => cell?.dataset.value ?? cell?.textContent.trim() ?? "";
const numberOf = (text) => {
  const plain = text.replace(/[\s%]/g, "").replace("−", "-");
  return plain === "" ? NaN : Number(isRussian ? plain.replace(",", ".") : plain.replaceAll(",", ""));
};
const order = (a, b, way) => {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
  return way * (Number.isNaN(x) ? a.localeCompare(b, undefined, { numeric: true }) : x - y);
};
for (const head of all("table:not(.waterfall) thead th")) {
  const body = head.closest("table").tBodies[0];
  if (body.rows.length < 2 || head.querySelector("a")) continue; // a link sorts on the server
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const way = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
    const text = (row) => textOf(row.cells[head.cellIndex]);
    body.append(...[...body.rows].sort((a, b) => order(text(a), text(b), way)));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", way < 0 ? "descending" : "ascending");
  });
}

// Numbers that cannot be asked are shown as old ones; who was signed out meanwhile is asked to sign in.
const renew = async (address) => {
  const live = all("[data-live]").filter((each) => each.dataset.live === address && !each.contains(document.activeElement));
  const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (answer?.redirected) return location.reload();
  const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  for (const each of live) {
    const fresh = page?.getElementById(each.id);
    each.classList.toggle("old", !fresh);
    if (fresh) each.replaceChildren(...fresh.childNodes);
  }
};
if (all("[data-live]").length) setInterval(() => document.hidden || new Set(all("[data-live]").map((each) => each.dataset.live)).forEach(renew), 10000);
