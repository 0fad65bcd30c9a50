// Fields with a cron expression: when it is due, in words, and its next due times, while it is typed.
"use strict";

function startScheduleWords(field) {
  const shown = document.getElementById(field.dataset.scheduleWords);
  let waiting = 0;
  let asked = "";
  const show = async () => {
    const schedule = field.value.trim();
    const zone = field.form.elements.namedItem("time_zone")?.value.trim() || field.dataset.zone || "";
    const query = new URLSearchParams({ schedule, next: "5", ...(zone && { time_zone: zone }) });
    if (`${query}` === asked) return;
    asked = `${query}`;
    if (!schedule) {
      shown.replaceChildren();
      return;
    }
    const answer = await fetch(`${root}/api/schedules/preview?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || `${query}` !== asked) return;
    const found = await answer.json().catch(() => ({}));
    const words = answer.ok ? `${found.words} (${found.time_zone}). Next:` : found.detail || `It was refused (${answer.status}).`;
    shown.replaceChildren(...[words, ...(found.warnings || [])].map((text) => {
      const line = document.createElement("p");
      line.textContent = text.charAt(0).toUpperCase() + text.slice(1);
      return line;
    }));
    shown.classList.toggle("bad", !answer.ok);
    if (!answer.ok) return;
    const list = document.createElement("ol");
    for (const { local } of found.next) {
      const line = document.createElement("li");
      line.textContent = local.slice(0, 19).replace("T", " ");
      list.append(line);
    }
    shown.children[0].after(list);
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 300);
  };
  field.addEventListener("input", soon);
  field.form.elements.namedItem("time_zone")?.addEventListener("input", soon);
}

document.querySelectorAll("[data-schedule-words]").forEach(startScheduleWords);
