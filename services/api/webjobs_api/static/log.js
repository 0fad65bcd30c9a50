// The log of a page: windows that load in place, following, ranges of lines, copying. Needs page.js.
"use strict";

const MOST_LINES = 5000;
const BLOCK = 50; // lines in a list: those of lists out of sight are neither laid out nor painted
const FOLLOW_EVERY = 250; // ms
const POLL_EVERY = 1000; // ms

const numberOf = (row) => Number(row.id.slice(1));

class Log {
  constructor(box) {
    this.box = box;
    this.total = Number(box.querySelector("ol").dataset.total);
    this.isFollowing = box.dataset.follow !== undefined;
    this.isAtEnd = this.isFollowing;
    this.isBehind = false; // lines came while there was no room for them
    this.isBusy = false;
    this.isGrown = false; // since lines were last asked for
    this.anchor = 0; // the line that was chosen last: a range begins there
    box.addEventListener("click", (event) => this.clicked(event));
    box.addEventListener("scroll", () => this.scrolled());
    document.addEventListener("click", (event) => this.toolClicked(event));
    document.addEventListener("webjobs:morphed", () => this.shown());
    const marked = box.querySelector(".marked");
    if (marked) marked.scrollIntoView({ block: "center" });
    else if (this.isFollowing) box.scrollTop = box.scrollHeight;
    if (marked) this.anchor = numberOf(marked);
    if (this.isFollowing) this.follow();
  }

  get bar() {
    return document.querySelector(".position");
  }

  get rows() {
    return this.box.querySelectorAll("li[id]");
  }

  edge(isFirst, selector = "li") {
    // The first or the last such row; looking at all rows takes milliseconds.
    const lists = [...this.box.children];
    for (const list of isFirst ? lists : lists.reverse()) {
      let row = isFirst ? list.firstElementChild : list.lastElementChild;
      while (row && !row.matches(selector)) row = isFirst ? row.nextElementSibling : row.previousElementSibling;
      if (row) return row;
    }
    return null;
  }

  // Lines that are loaded

  async fetchRows(query) {
    const answer = await fetch(this.box.dataset.lines + query, { cache: "no-store", headers: { Accept: "text/html" } });
    if (answer.status === 401) signedOut();
    if (!answer.ok) throw new Error(`${answer.status}`);
    const text = await answer.text();
    sliceBegan = performance.now();
    const list = new DOMParser().parseFromString(text, "text/html").querySelector("ol");
    this.total = Number(list.dataset.total);
    await breathe();
    return [...list.children].map((row) => document.adoptNode(row));
  }

  // Lines stay in lists of some dozens, so that the browser leaves out those that are out of sight.

  async append(rows) {
    for (let place = 0; place < rows.length;) {
      if (this.box.lastElementChild.childElementCount >= BLOCK) this.box.append(document.createElement("ol"));
      const list = this.box.lastElementChild;
      const part = rows.slice(place, place + BLOCK - list.childElementCount);
      list.append(...part);
      place += part.length;
      if ((await breathe()) && !this.isFollowing) return;
    }
  }

  replace(gap, rows) {
    // Put rows where a gap is, in lists of their own, and what follows it into another one.
    let list = gap.parentElement;
    const following = [];
    for (let row = gap.nextElementSibling; row; row = row.nextElementSibling) following.push(row);
    gap.remove();
    for (const part of [rows, following]) {
      for (let place = 0; place < part.length; place += BLOCK) {
        const next = document.createElement("ol");
        next.append(...part.slice(place, place + BLOCK));
        list.after(next);
        list = next;
      }
    }
    for (const each of [...this.box.children]) if (!each.childElementCount && this.box.childElementCount > 1) each.remove();
  }

  remove(row) {
    const list = row.parentElement;
    row.remove();
    if (!list.childElementCount && this.box.childElementCount > 1) list.remove();
  }

  async fill(gap) {
    const isTop = gap === this.edge(true);
    const beside = isTop ? this.rows[0] : null;
    const before = beside?.getBoundingClientRect().top;
    gap.setAttribute("aria-busy", "true");
    try {
      const rows = await this.fetchRows(`after=${gap.dataset.after}&before=${gap.dataset.before}${isTop ? "&last=1" : ""}`);
      if (!gap.isConnected) return;
      this.replace(gap, rows);
      this.trim(!isTop);
      if (beside) this.box.scrollTop += beside.getBoundingClientRect().top - before;
      this.shown();
    } catch (error) {
      gap.querySelector("a").textContent = "The lines did not come · try again";
    } finally {
      gap.removeAttribute("aria-busy");
    }
  }

  toolClicked(event) {
    const link = event.target.closest("#log [data-load]");
    if (link) this.loadEdge(event, link.dataset.load === "before");
    else if (event.target.closest(".position")) this.goTo(event);
  }

  loadEdge(event, isBefore) {
    const edge = this.edge(isBefore);
    if (!edge?.matches(".gap")) return;
    event.preventDefault();
    this.fill(edge);
  }

  trim(atStart) {
    // No more than so many lines stay in the page; the others become a gap again.
    const rows = this.rows;
    const excess = rows.length - MOST_LINES;
    if (excess <= 0) return;
    const edge = this.edge(atStart);
    const kept = atStart ? rows[excess] : rows[rows.length - 1 - excess];
    if (atStart) {
      const after = edge.matches(".gap") ? Number(edge.dataset.after) : numberOf(edge) - 1;
      while (!this.box.firstElementChild.contains(kept)) this.box.firstElementChild.remove();
      while (kept.previousElementSibling) kept.previousElementSibling.remove();
      kept.before(this.gap(after, numberOf(kept)));
    } else {
      const before = edge.matches(".gap") ? Number(edge.dataset.before) : numberOf(edge) + 1;
      while (!this.box.lastElementChild.contains(kept)) this.box.lastElementChild.remove();
      while (kept.nextElementSibling) kept.nextElementSibling.remove();
      kept.after(this.gap(numberOf(kept), before));
      this.isAtEnd = this.isFollowing = false;
    }
  }

  gap(after, before) {
    const row = document.createElement("li");
    row.className = "gap";
    Object.assign(row.dataset, { after, before });
    const link = document.createElement("a");
    link.href = `${this.box.dataset.line}${after + 1}#L${after + 1}`;
    const count = before - after - 1;
    link.textContent = `${count.toLocaleString("en")} ${count === 1 ? "line" : "lines"} not shown · load`;
    row.append(link);
    return row;
  }

  // Following

  follow() {
    const address = this.box.dataset.follow;
    if (!address) {
      setInterval(() => this.grow(), POLL_EVERY);
      return;
    }
    const stream = new Stream(address, {
      onEvent: (event) => {
        if (event.name !== "end") return this.grow();
        stream.end();
        this.grow();
        invalidate("*");
      },
      onReturn: () => this.grow(),
    });
  }

  async grow() {
    if (!this.isFollowing || document.hidden) return;
    if (!this.isAtEnd && this.rows.length >= MOST_LINES) {
      this.isBehind = true;
      return;
    }
    this.isGrown = true;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.isGrown) {
        this.isGrown = false;
        const began = performance.now();
        await this.fetchNew();
        await new Promise((done) => setTimeout(done, Math.max(FOLLOW_EVERY, performance.now() - began)));
      }
    } catch (error) {
      setTimeout(() => this.grow(), 10 * FOLLOW_EVERY);
    } finally {
      this.isBusy = false;
    }
  }

  async fetchNew() {
    const whole = this.edge(false, "li[id]:not(.partial)");
    const last = whole ? numberOf(whole) : 0;
    const rows = await this.fetchRows(`after=${last}&last=1`);
    if (!rows.length || !this.isFollowing) return;
    document.getElementById("no-lines")?.remove();
    for (let row = this.edge(false); row?.matches(".partial, .gap"); row = this.edge(false)) this.remove(row);
    await this.append(rows);
    if (this.isAtEnd) {
      this.trim(true);
      this.box.scrollTop = this.box.scrollHeight;
    }
    this.shown();
  }

  scrolled() {
    this.isAtEnd = this.box.scrollTop + this.box.clientHeight > this.box.scrollHeight - 40;
    if (this.isAtEnd && this.isBehind) {
      this.isBehind = false;
      this.grow();
    }
  }

  // Where the lines are in the log

  shown() {
    const edges = [this.edge(true, "li[id]"), this.edge(false, "li[id]")];
    if (!edges[0]) return;
    const [first, last] = edges.map(numberOf);
    for (const [id, number] of [["shown-first", first], ["shown-last", last]]) {
      const place = document.getElementById(id);
      if (place) place.textContent = number;
    }
    showCopies();
    const mark = this.bar?.querySelector(".window");
    if (!mark) return;
    const [begin, width] = [this.place(first), this.place(last) - this.place(first) + 1];
    const { height } = mark.ownerSVGElement.viewBox.baseVal;
    mark.setAttribute("d", `M${begin} 0h${width}v${height}h-${width}z`);
  }

  place(line) {
    const { first } = this.bar.dataset;
    const { width } = this.bar.viewBox.baseVal;
    return Math.floor(((line - first) * width) / (this.total - first + 1));
  }

  goTo(event) {
    const { left, width } = this.bar.getBoundingClientRect();
    const [first, total] = [Number(this.bar.dataset.first), this.total];
    const line = first + Math.floor(((event.clientX - left) / width) * (total - first + 1));
    location.assign(`${this.box.dataset.line}${line}#L${line}`);
  }

  // Ranges of lines

  clicked(event) {
    const gap = event.target.closest(".gap a");
    const line = event.target.closest("a.line");
    if ((!gap && !line) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (gap) return this.fill(gap.closest(".gap"));
    const number = numberOf(line.closest("li"));
    if (!event.shiftKey || !this.anchor) this.anchor = number;
    this.mark(Math.min(this.anchor, number), Math.max(this.anchor, number));
  }

  mark(first, last) {
    for (const row of this.rows) row.classList.toggle("marked", numberOf(row) >= first && numberOf(row) <= last);
    history.replaceState(null, "", `${this.box.dataset.line}${first === last ? first : `${first}-${last}`}#L${first}`);
    getSelection()?.removeAllRanges();
    showCopies();
  }
}

// Copying, on plain http too, where there is no navigator.clipboard

function copyText(text) {
  const area = document.createElement("textarea");
  const focused = document.activeElement;
  area.className = "hidden";
  area.value = text;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return isDone;
}

async function copyLines(what) {
  if (what === "all") {
    const answer = await fetch(document.querySelector("#log a[download]").href, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return [copyText(await answer.text()), "the log"];
  }
  const rows = [...document.querySelectorAll(what === "marked" ? ".log li.marked" : ".log li[id]")];
  const text = rows.map((row) => `${row.querySelector(".text").textContent}\n`).join("");
  return [copyText(text), rows.length === 1 ? "1 line" : `${rows.length} lines`];
}

function showCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = button.dataset.copy === "marked" && !document.querySelector(".log li.marked");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const note = document.getElementById("copied");
  try {
    const [isDone, words] = await copyLines(button.dataset.copy);
    note.textContent = isDone ? `Copied ${words}.` : "The browser did not allow it.";
  } catch (error) {
    note.textContent = "The log did not come. Nothing was copied.";
  }
});

document.querySelectorAll(".log").forEach((box) => new Log(box));
showCopies();
