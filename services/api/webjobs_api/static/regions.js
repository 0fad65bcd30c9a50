// Live regions: what is stale is asked for, at most once in a while, and changed in place, row by row. Needs page.js.
"use strict";

const EVERY = 250; // ms
const SLICE = 12; // ms of work after which the browser may paint and take what is typed
const MOST_ROWS = 60; // asked for one by one; with more, the whole region is
const stale = new Map(); // by the id of a region: the ids of its rows that are stale, null for all of them
const received = new WeakMap(); // by region or row: what the server sent for it last
let sequence = ""; // of the last event: what is asked for then must include it
let isAsking = false;
let timer = 0;
let dueAt = 0;
let sliceBegan = 0;

// The ids that rows have in the templates, by the word in `data-rows`.
const quoted = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
const ROW_IDS = {
  job: ({ type, job }) => job && `job-${type}-${quoted(job)}`,
  run: ({ job, run }) => job && run && `run-${quoted(job)}-${run}`,
  event: ({ id }) => id && `event-${id}`,
};

function keysOf(event) {
  try {
    const { subject, data } = JSON.parse(event.data.join("\n"));
    return { type: subject.split("/")[0], job: data.job_name, run: data.run_id, id: event.id };
  } catch (error) {
    return {};
  }
}

function invalidate(name, event) {
  const keys = event ? keysOf(event) : {};
  if (event?.id) sequence = event.id;
  for (const region of document.querySelectorAll("[data-live]")) {
    const names = region.dataset.live;
    if (name !== "*" && names !== "*" && !names.split(" ").includes(name)) continue;
    const rows = region.querySelector("tbody[data-rows]");
    const row = rows && ROW_IDS[rows.dataset.rows](keys);
    addStale(region.id, row ? [row] : wholeOf(region));
  }
  refreshIn(EVERY);
}

const wholeOf = (region) => (region.querySelector("tbody[data-rows]") ? null : []);

function addStale(region, rows) {
  const known = stale.get(region);
  if (known === null) return;
  stale.set(region, rows && new Set([...(known || []), ...rows]));
  if (stale.get(region)?.size > MOST_ROWS) stale.set(region, null);
}

function refreshIn(delay) {
  const at = performance.now() + delay;
  if (isAsking || (timer && at >= dueAt)) return;
  clearTimeout(timer);
  dueAt = at;
  timer = setTimeout(refresh, delay);
}

async function refresh() {
  timer = 0;
  for (const id of [...stale.keys()]) if (!document.getElementById(id)) stale.delete(id);
  const wanted = new Map([...stale].filter(([id]) => !touched(document.getElementById(id))));
  if (!wanted.size) return stale.size ? refreshIn(4 * EVERY) : undefined;
  isAsking = true;
  wanted.forEach((_, id) => stale.delete(id));
  const began = performance.now();
  let pause = EVERY;
  try {
    const parsed = await ask(wanted);
    for (const [id, rows] of parsed ? wanted : []) {
      const region = document.getElementById(id);
      const fresh = parsed.getElementById(id);
      if (region && fresh && !(await change(region, fresh))) addStale(id, rows);
    }
  } catch (error) {
    pause = AWAY;
    wanted.forEach((rows, id) => addStale(id, rows));
    look();
  }
  isAsking = false;
  // A slow browser or a slow server is busy with this for half of the time at most.
  if (stale.size) refreshIn(Math.max(pause, performance.now() - began));
}

async function ask(wanted) {
  const address = new URL(body.dataset.here, location.href); // not the address of a form that was sent
  const rows = [...wanted.values()].every((each) => each) ? [...wanted.values()].flatMap((each) => [...each]) : null;
  address.searchParams.set("_regions", [...wanted.keys()].join(","));
  if (rows) address.searchParams.set("_rows", rows.join(","));
  address.searchParams.set("_once", body.dataset.once);
  const headers = { Accept: "text/html", ...(sequence && { "Webjobs-Sequence": sequence }) };
  const answer = await fetch(address, { cache: "no-store", headers });
  if (answer.status === 401) signedOut();
  if (answer.status >= 500) throw new Error(`${answer.status}`);
  if (!answer.ok) return null;
  current = Date.now();
  const text = await answer.text();
  sliceBegan = performance.now();
  return new DOMParser().parseFromString(text, "text/html");
}

function touched(region) {
  const selection = getSelection();
  if (selection && !selection.isCollapsed && region.contains(selection.anchorNode)) return true;
  if (region.querySelector("details[open]")) return true;
  return [...region.querySelectorAll("input:not([type=hidden]), textarea, select")].some(
    (field) => field === document.activeElement || (field.type === "checkbox" ? field.checked !== field.defaultChecked
      : field.tagName === "SELECT" ? [...field.options].some((each) => each.selected !== each.defaultSelected)
      : field.value !== field.defaultValue));
}

async function breathe() {
  // Whether the browser could do something else meanwhile: a person may have touched what is to change.
  if (performance.now() - sliceBegan < SLICE) return false;
  await (globalThis.scheduler?.yield ? scheduler.yield() : new Promise((done) => setTimeout(done)));
  sliceBegan = performance.now();
  return true;
}

const isStub = (row) => !row.firstElementChild; // a row that was not asked for: only its id and its place
const byId = (rows) => new Map([...rows].map((row) => [row.id, row]));

async function change(region, fresh) {
  // Change a region into the one that came; false when a person touched it meanwhile.
  if ((await breathe()) && touched(region)) return false;
  const others = fresh.querySelectorAll("tbody");
  const lists = [...region.querySelectorAll("tbody")].map((list, place) => ({ list, rows: [...(others[place]?.children || [])] }));
  const isUnknown = (list, row) => isStub(row) && !(list && (list.matches("[data-hold]") || byId(list.children).has(row.id)));
  if ([...others].some((other, place) => [...other.children].some((row) => isUnknown(lists[place]?.list, row)))) {
    addStale(region.id, null); // rows came that were not asked for
    return true;
  }
  const counts = { came: 0, gone: 0 };
  // Rows without an id cannot be matched: their region is changed as a whole.
  const haveIds = lists.every(({ list, rows }) => [...list.children, ...rows].every((row) => row.id));
  const areRowsKept = haveIds && lists.length === others.length;
  if (areRowsKept) others.forEach((other) => other.replaceChildren());
  morph(region, fresh, areRowsKept);
  for (const { list, rows } of areRowsKept ? lists : []) {
    const known = byId(list.children);
    if (list.matches("[data-hold]")) {
      // Rows stay in their order and their place; what came and went is only counted.
      const news = byId(rows);
      counts.came += rows.filter((row) => !known.has(row.id)).length;
      counts.gone += [...known.keys()].filter((id) => !news.has(id)).length;
    } else {
      arrange(list, rows, known);
    }
    for (const row of rows) {
      const mine = known.get(row.id);
      if (!mine || isStub(row)) continue;
      if ((await breathe()) && touched(region)) return false;
      morph(mine, row);
    }
  }
  noteHeld(document.getElementById(region.id), counts);
  const { count } = document.getElementById("attention")?.dataset ?? {};
  if (count) showInTab({ attention: Number(count) });
  document.dispatchEvent(new Event("webjobs:morphed"));
  return true;
}

function morph(old, fresh, areRowsKept = false) {
  const html = fresh.outerHTML;
  if (received.get(old) === html) return;
  const callbacks = {
    beforeNodeMorphed: (node) => !(areRowsKept && node.localName === "tbody"),
    beforeNodeRemoved: (node) => node.className !== HELD,
  };
  Idiomorph.morph(old, fresh, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks });
  received.set(old, html);
}

function arrange(list, rows, known) {
  // The rows that came, in their order; those that stay are the same as before.
  const news = byId(rows);
  for (const [id, row] of known) if (!news.has(id)) row.remove();
  let next = list.firstElementChild;
  for (const row of rows) {
    const mine = known.get(row.id);
    if (mine && mine === next) next = next.nextElementSibling;
    else if (mine && list.moveBefore) list.moveBefore(mine, next);
    else list.insertBefore(mine || document.importNode(row, true), next);
  }
}

const HELD = "held main";

function noteHeld(region, counts) {
  let note = region.querySelector(":scope > .held");
  const words = [counts.came && `${counts.came} new`, counts.gone && `${counts.gone} no longer here`].filter(Boolean);
  if (!words.length) return note?.remove();
  if (!note) {
    note = document.createElement("button");
    note.className = HELD;
    note.addEventListener("click", () => location.reload());
    region.append(note);
  }
  const text = `${words.join(" · ")} · show`;
  if (note.textContent !== text) note.textContent = text;
}
