// The script of all pages: times, streams, keys. Every page works without it. Needs regions.js.
"use strict";

const body = document.body;
const root = body.dataset.root;
const light = document.getElementById("live");

// Times

// The same words as webjobs_api/wording/amounts.py.
function rough(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h`;
  const [days, hours] = [Math.floor(whole / 86400), Math.floor((whole % 86400) / 3600)];
  return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`;
}

function elapsed(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

function distance(seconds) {
  return Math.abs(seconds) < 1 ? "just now" : seconds > 0 ? `${rough(seconds)} ago` : `in ${rough(-seconds)}`;
}

function tick() {
  const isRelative = document.getElementById("clock")?.value === "relative";
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const isElapsed = "since" in time.dataset;
    const text = isElapsed ? elapsed(seconds) : distance(seconds);
    if ((isElapsed || isRelative) && time.textContent !== text) time.textContent = text;
    const [first, ...others] = time.title.split("\n");
    if (first && first !== distance(seconds)) time.title = [distance(seconds), ...others].join("\n");
  }
}

function startClocks() {
  const clock = document.getElementById("clock");
  if (!clock) return;
  for (const button of document.querySelectorAll("[data-noscript]")) button.hidden = true;
  clock.addEventListener("change", () => {
    const zone = document.createElement("input");
    Object.assign(zone, { type: "hidden", name: "zone", value: Intl.DateTimeFormat().resolvedOptions().timeZone || "" });
    clock.form.append(zone);
    clock.form.requestSubmit();
  });
  setInterval(tick, 1000);
}

// A stream of server-sent events, read with fetch: its events have names, and a 503 must not end it.

async function* eventsOf(address, signal, lastId) {
  const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
  const answer = await fetch(address, { headers, signal, cache: "no-store" });
  if (answer.status === 401) signedOut();
  if (!answer.ok) throw new Error(`${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      const event = { id: "", name: "", data: [] };
      for (const line of block.split("\n")) {
        if (line.startsWith("id: ")) event.id = line.slice(4);
        else if (line.startsWith("event: ")) event.name = line.slice(7);
        else if (line.startsWith("data: ")) event.data.push(line.slice(6));
      }
      yield event;
    }
  }
}

let isSignedOut = false;

function signedOut() {
  // Nothing that was typed is lost: the person decides when to leave the page.
  if (isSignedOut) return;
  isSignedOut = true;
  const note = document.createElement("p");
  note.className = "note bad";
  note.setAttribute("role", "alert");
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = "Sign in again";
  note.append("Your session has ended, and the page does not change any more. ", link);
  document.getElementById("main").prepend(note);
}

function show(state, words) {
  if (!light) return;
  light.className = `live ${state}`;
  light.setAttribute("aria-label", words);
  light.title = words;
}

// Parts that are away: what is shown stays, greyed, with its age, until the part is back.

const WELL = 15000; // ms between two looks at what is away, while all is well
const AWAY = 3000; // and while something is
let current = Date.now(); // when what is shown was last known to be current
let isLooking = false;

function note(id, bad, ...content) {
  // A note above the content; the same one while it is there.
  let found = document.getElementById(id);
  if (!found) {
    found = document.createElement("p");
    found.id = id;
    found.className = bad ? "note bad" : "note";
    found.setAttribute("role", "alert");
    found.append(...content);
    document.getElementById("main").prepend(found);
  }
  return found;
}

async function whatIsAway() {
  try {
    const answer = await fetch(`${root}/healthz`, { cache: "no-store" });
    if (answer.ok) return "";
    const { missing } = await answer.json();
    return missing.nats ? "NATS is away." : missing.history ? "History is away." : "";
  } catch (error) {
    return "The api does not answer.";
  }
}

function showAway(words) {
  const main = document.getElementById("main");
  const time = document.createElement("time");
  time.dateTime = new Date(current).toISOString();
  time.textContent = distance((Date.now() - current) / 1000);
  note("away", true, `${words} What is shown is from `, time, ". It comes back by itself.");
  main.classList.add("stale");
}

function showBack() {
  current = Date.now();
  if (document.querySelector("[data-reload]")) return location.reload();
  if (!document.getElementById("away")) return;
  document.getElementById("away").remove();
  document.getElementById("main").classList.remove("stale");
  invalidate("*");
}

async function look() {
  if (isLooking || document.hidden) return;
  isLooking = true;
  const words = await whatIsAway();
  isLooking = false;
  if (words) showAway(words);
  else showBack();
}

function startLooking() {
  for (const each of document.querySelectorAll("[data-reload]")) each.hidden = false;
  const next = async () => {
    await look();
    setTimeout(next, document.querySelector("#away, [data-reload]") ? AWAY : WELL);
  };
  setTimeout(next, document.querySelector("#away, [data-reload]") ? AWAY : WELL);
}

// The tab: how much needs attention, before the title, and an icon of three shapes.

const TAB = 15000; // ms between two looks while the page is visible
const TAB_HIDDEN = 60000; // and while it is not: that is when its tab matters
const TAB_SOON = 5000; // after an event; the api reads the figures no more often
const tab = { attention: Number(body.dataset.attention), running: Number(body.dataset.running) };
const bareTitle = tab.attention ? document.title.slice(`(${tab.attention}) `.length) : document.title;
let tabTimer = 0;
let tabDueAt = 0;

function showInTab(figures) {
  Object.assign(tab, figures);
  const title = tab.attention ? `(${tab.attention}) ${bareTitle}` : bareTitle;
  if (document.title !== title) document.title = title;
  const icon = document.getElementById("icon");
  const address = icon.dataset[tab.attention ? "attention" : tab.running ? "running" : "well"];
  if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
  const list = document.getElementById("attention");
  if (list && Number(list.dataset.count) !== tab.attention) {
    addStale("attention", []); // calls of hooks are in no stream of events
    refreshIn(0);
  }
}

function tabIn(delay) {
  const at = performance.now() + delay;
  if (tabTimer && at >= tabDueAt) return;
  clearTimeout(tabTimer);
  tabDueAt = at;
  tabTimer = setTimeout(lookAtTab, delay);
}

async function lookAtTab() {
  tabTimer = 0;
  try {
    const answer = await fetch(`${root}/pages/tab`, { cache: "no-store" });
    if (answer.status === 401) return signedOut();
    if (answer.ok) showInTab(await answer.json());
  } catch (error) {
    // The api is away: what the tab says stays.
  }
  tabIn(document.hidden ? TAB_HIDDEN : TAB);
}

function startTab() {
  document.addEventListener("visibilitychange", () => document.hidden || tabIn(0));
  tabIn(0);
}

const SILENCE = 45000; // ms without a sign of life after which the page says so
const BUFFERED = "Live updates do not arrive: does a proxy buffer them?";

class Stream {
  // Follows one address while the page is visible, and comes back after a break.
  constructor(address, { onEvent, onReturn }) {
    this.address = address;
    this.onEvent = onEvent;
    this.onReturn = onReturn;
    this.lastId = "";
    this.tries = 0;
    this.isOver = false;
    this.isHeld = false;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.follow()));
    addEventListener("pagehide", () => this.pause());
    if (!document.hidden) this.follow();
  }

  pause() {
    this.stop?.abort();
    this.stop = null;
  }

  hold(isHeld) {
    this.isHeld = isHeld;
    if (!isHeld) return this.follow();
    this.pause();
    show("", "Paused");
  }

  end() {
    this.isOver = true;
    this.pause();
    show("", "Not live: nothing changes any more");
  }

  async follow() {
    if (this.stop || this.isOver || this.isHeld) return;
    const stop = (this.stop = new AbortController());
    while (!stop.signal.aborted) {
      let timer = 0;
      const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          show("late", BUFFERED);
          note("silent", false, BUFFERED);
        }, SILENCE);
      };
      const alive = () => {
        wait();
        document.getElementById("silent")?.remove();
        show("on", "Live");
      };
      wait(); // a proxy may hold back the head of the answer too
      try {
        if (this.hasBroken) this.onReturn?.();
        this.hasBroken = true;
        for await (const event of eventsOf(this.address, stop.signal, this.lastId)) {
          alive();
          this.tries = 0;
          if (event.id) this.lastId = event.id;
          if (event.data.length) this.onEvent(event);
          if (this.isOver) return;
          await breathe();
        }
      } catch (error) {
        if (stop.signal.aborted || isSignedOut) break;
      } finally {
        clearTimeout(timer);
      }
      show("late", "Not live: the connection is being made again");
      look();
      const pause = Math.min(30000, 500 * 2 ** this.tries++) * (0.5 + Math.random() / 2);
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}

// Calls of hooks, and what processes use, are in no stream of events: their regions are asked for again.

function startEvery() {
  const regions = [...document.querySelectorAll("[data-every]")];
  if (!regions.length) return;
  const seconds = Number(regions[0].dataset.every);
  setInterval(() => {
    if (document.hidden || document.getElementById("away")) return;
    regions.forEach((region) => addStale(region.id, wholeOf(region)));
    refreshIn(0);
  }, seconds * 1000);
  if (!body.dataset.events) show("on", `Asked for again every ${seconds} s`);
}

// Keys: letters move; Shift and a letter opens what changes something. None acts while a field has focus.

const KEYS = "webjobs.keys";

function startKeys() {
  const dialog = document.getElementById("keys");
  const act = document.getElementById("keys-act");
  const button = document.querySelector("[data-keys]");
  act.checked = localStorage.getItem(KEYS) !== "off";
  act.addEventListener("change", () => localStorage.setItem(KEYS, act.checked ? "on" : "off"));
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(KEYS) === "off" || dialog.open) return;
    // A check box takes no letters.
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const row = document.activeElement.closest("main tbody tr");
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("search")?.focus();
    } else if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll("main tbody tr :is(th > a, td > a, .pick a)")];
      const known = links.indexOf(document.activeElement);
      const at = known < 0 && row ? links.findIndex((link) => row.contains(link)) : known;
      links[Math.max(0, Math.min(links.length - 1, at + (event.key === "j" ? 1 : -1)))]?.focus();
    } else if (event.key === "?") {
      dialog.showModal();
    } else if (event.key === "x") {
      row?.querySelector(".box input")?.click();
    } else {
      document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.[event.key === event.key.toUpperCase() ? "focus" : "click"]();
    }
  });
}

function startPause(stream) {
  const button = document.querySelector("[data-pause]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    stream.hold(!stream.isHeld);
    button.textContent = stream.isHeld ? "Continue" : "Pause";
  });
}

startClocks();
startKeys();
startLooking();
startEvery();
startTab();
// On the page of a run that goes on, the one stream is that of its log: log.js follows it.
if (body.dataset.events && !document.querySelector("[data-follow]:not([data-follow=''])")) {
  startPause(new Stream(body.dataset.events, { onEvent: (event) => (invalidate(event.name, event), tabIn(TAB_SOON)), onReturn: () => invalidate("*") }));
}
