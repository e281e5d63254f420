// A router of ten lines, as single-page applications have it: history.pushState and popstate.
const views = {
  "/my": ["Сегодня", ["09:00 — Соколова М. А.", "11:20 — Ким А. В.", "15:40 — Орлов Д. П."]],
  "/my/week": ["Неделя", ["Понедельник — 12 окон", "Вторник — 7 окон", "Среда — 15 окон"]],
  "/my/doctors": ["По врачам", ["Соколова М. А. — 6 окон", "Власов И. С. — 9 окон", "Белов А. Н. — 2 окна"]],
};
const show = () => {
  const [title, lines] = views[location.pathname] || views["/my"];
  document.getElementById("view").innerHTML = `<h2>${title}</h2><ul>${lines.map((line) => `<li>${line}</li>`).join("")}</ul>`;
  document.querySelectorAll("[data-view]").forEach((link) => link.toggleAttribute("aria-current", link.pathname == location.pathname));
};
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-view]");
  if (!link) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show();
});
addEventListener("popstate", show);
show();
