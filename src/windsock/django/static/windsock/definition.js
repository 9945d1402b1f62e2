// The page of an editable workflow: the next times follow the schedule while it is edited.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const preview = document.getElementById("schedule-preview");
  const form = preview?.closest("form");
  const kind = form?.elements.namedItem("schedule");
  if (!kind) return;

  // Only the fields of the chosen kind are seen, unless something is wrong with the others.
  const unfold = () => {
    for (const name of ["cron", "every"]) {
      const row = form.querySelector(`.form-row.field-${name}`);
      row?.toggleAttribute("hidden", kind.value !== name && !row.classList.contains("errors"));
    }
  };

  const names = preview.dataset.fields.split(" ");
  const query = () => {
    const given = [...new FormData(form)].filter(([name]) => names.includes(name.replace(/_[01]$/, "")));
    return new URLSearchParams([...given, ["workflow", preview.dataset.workflow]]).toString();
  };
  let last = query();
  let waiting;
  const refresh = async () => {
    const asked = query();
    if (asked === last) return;
    last = asked;
    const answer = await fetch(`${preview.dataset.url}?${asked}`).catch(() => null);
    if (asked !== last) return;
    if (answer?.ok) preview.innerHTML = await answer.text();
    else preview.textContent = "The next times cannot be shown at the moment.";
  };

  // The calendar's links set a field without an event of its own, but they move the focus.
  for (const event of ["input", "change", "focusin", "click"]) {
    form.addEventListener(event, () => {
      unfold();
      clearTimeout(waiting);
      waiting = setTimeout(refresh, 300);
    });
  }
  unfold();
});
