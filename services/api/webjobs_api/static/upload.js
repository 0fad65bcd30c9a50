// The form of a new job: a folder, files, a zip or one file, chosen or dropped; what is left out; progress.
"use strict";

const LEFT_OUT_FOLDERS = new Set([".git", ".venv", "venv", "__pycache__", ".mypy_cache", ".pytest_cache", "__macosx"]);
const LEFT_OUT_FILES = new Set([".ds_store", "thumbs.db", "desktop.ini"]);

function whyLeftOut(path) {
  // The words under which a path is counted as left out; empty: it is sent.
  const names = path.split("/");
  const file = names.pop().toLowerCase();
  const folder = names.find((name) => LEFT_OUT_FOLDERS.has(name.toLowerCase()));
  if (folder) return folder;
  if (file.endsWith(".pyc")) return "*.pyc";
  if (file.startsWith("._")) return "._*";
  return LEFT_OUT_FILES.has(file) ? path.split("/").pop() : "";
}

function shownSize(bytes) {
  for (const [limit, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (bytes >= limit) return `${(bytes / limit).toFixed(bytes < 10 * limit ? 1 : 0)} ${unit}`;
  }
  return `${bytes} bytes`;
}

function shownCount(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

async function filesBelow(entry, path, found) {
  // Reads a dropped folder; its files are opened when they are sent.
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push({ path, size: file.size, open: async () => file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const entries = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!entries.length) return;
    for (const each of entries) await filesBelow(each, `${path}/${each.name}`, found);
  }
}

async function droppedFiles(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  const found = [];
  for (const entry of entries.filter(Boolean)) await filesBelow(entry, entry.name, found);
  return { found, isFolder: entries.length === 1 && entries[0]?.isDirectory };
}

function chosenFiles(list) {
  const found = [...list].map((file) => ({ path: file.webkitRelativePath || file.name, size: file.size, open: async () => file }));
  return { found, isFolder: found.length > 0 && found.every(({ path }) => path.includes("/")) };
}

class Upload {
  // What is to be sent, and how it is going.
  constructor(form) {
    this.form = form;
    this.files = form.querySelector("#file");
    this.folder = form.querySelector("#folder");
    this.bar = form.querySelector("progress");
    this.say = form.querySelector("[data-say]");
    this.summary = form.querySelector("[data-summary]");
    this.choice = form.querySelector("[data-choice]");
    this.everything = form.querySelector("[data-everything]");
    this.cancel = form.querySelector("[data-cancel]");
    this.name = document.getElementById("name");
    this.type = document.getElementById("type");
    this.schedule = document.getElementById("schedule");
    this.chosen = { found: [], isFolder: false };
    this.running = null;
    this.listen();
  }

  listen() {
    const drop = this.form.querySelector(".drop");
    this.files.multiple = true;
    this.files.required = false;
    for (const hidden of this.form.querySelectorAll("[data-script]")) hidden.hidden = false;
    drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", async (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.summary.textContent = "Reading the folder…";
      try {
        this.choose(await droppedFiles(event.dataTransfer));
      } catch (error) {
        this.summary.textContent = `It cannot be read: ${error.message}`;
      }
    });
    for (const [field, other] of [[this.files, this.folder], [this.folder, this.files]]) {
      field.addEventListener("change", () => {
        if (!field.files.length) return;
        other.value = "";
        this.choose(chosenFiles(field.files));
      });
    }
    this.everything.addEventListener("change", () => this.show());
    this.type.addEventListener("change", () => this.showType());
    this.cancel.addEventListener("click", () => this.running?.abort());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(event.submitter?.value === "run");
    });
    // Enter in a field must not leave the page, and what was chosen with it.
    this.name.form.addEventListener("submit", (event) => event.preventDefault());
    this.showType();
  }

  choose(chosen) {
    this.chosen = chosen;
    this.say.textContent = "";
    if (chosen.isFolder) {
      const [top] = chosen.found[0]?.path.split("/") || [""];
      for (const each of chosen.found) each.path = each.path.slice(top.length + 1);
      if (!this.name.value) this.name.value = top;
    } else if (chosen.found.length && !this.name.value) {
      this.name.value = chosen.found[0].path.split("/").pop().replace(/\.[^.]*$/, "");
    }
    this.show();
  }

  get isOneFile() {
    return !this.chosen.isFolder && this.chosen.found.length === 1 && !this.chosen.found[0].path.includes("/");
  }

  get sent() {
    const { found } = this.chosen;
    return this.isOneFile || this.everything.checked ? found : found.filter(({ path }) => !whyLeftOut(path));
  }

  show() {
    const { found } = this.chosen;
    const counts = new Map();
    for (const why of this.isOneFile ? [] : found.map(({ path }) => whyLeftOut(path)).filter(Boolean)) {
      counts.set(why, (counts.get(why) || 0) + 1);
    }
    const bytes = this.sent.reduce((sum, { size }) => sum + size, 0);
    const left = [...counts].map(([why, count]) => `${why} (${shownCount(count, "file")})`).join(", ");
    const others = this.everything.checked || !left ? "" : `; left out ${left}`;
    this.summary.textContent = `${shownCount(this.sent.length, "file")}, ${shownSize(bytes)}${others}`;
    this.everything.closest("label").hidden = !left;
    this.showChoice();
  }

  async showChoice() {
    // The server knows by which rule a runner chooses; it needs the names only.
    const names = this.sent.map(({ path }) => path);
    this.choice.replaceChildren();
    if (!names.length || (this.isOneFile && /\.zip$/i.test(names[0]))) return;
    const answer = await fetch(`${root}/api/script-choice`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ names }) }).catch(() => null);
    if (!answer?.ok || names.join() !== this.sent.map(({ path }) => path).join()) return;
    const { script, program, found, warnings } = await answer.json();
    const words = script && [`${script}${program ? ` with ${program}` : ""}`, ...found.map((name) => `${name} found`)].join("; ");
    this.choice.replaceChildren(...[words, ...warnings].filter(Boolean).map((text) => {
      const line = document.createElement("p");
      line.textContent = text;
      return line;
    }));
  }

  showType() {
    const isTriggered = this.type.value === "triggered";
    for (const each of document.querySelectorAll("[data-triggered]")) each.hidden = !isTriggered;
  }

  refusal() {
    // Why what is chosen cannot be sent; empty: it can.
    const limit = Number(this.form.dataset.limit);
    const bytes = this.isOneFile ? this.sent[0].size : zipBytes(this.sent);
    if (!this.sent.length) return "Choose a folder, a zip archive or a script first.";
    if (!this.isOneFile && this.sent.length > ZIP_MOST_FILES) {
      return `${shownCount(this.sent.length, "file")} are more than the ${ZIP_MOST_FILES.toLocaleString("en")} that an archive made here can hold. Make a zip archive and send that.`;
    }
    if (!this.isOneFile && bytes > ZIP_MOST_BYTES) {
      return `${shownSize(bytes)} are more than the 4 GB that an archive made here can hold. Make a zip archive and send that.`;
    }
    if (bytes > limit) {
      return `${shownSize(bytes)} are more than the ${shownSize(limit)} that are taken (WEBJOBS_UPLOAD_LIMIT_MB). Nothing was sent.`;
    }
    return "";
  }

  busy(isBusy) {
    this.bar.hidden = this.cancel.hidden = !isBusy;
    for (const button of this.form.querySelectorAll("button[type=submit]")) button.disabled = isBusy;
    if (!isBusy) this.running = null;
  }

  async send(isRun) {
    if (this.running) return;
    if (!this.name.value.trim()) return this.name.focus();
    const refusal = this.refusal();
    if (refusal) {
      this.say.textContent = refusal;
      return;
    }
    const stop = (this.running = new AbortController());
    this.bar.value = 0;
    this.busy(true);
    try {
      const body = await this.packed(stop.signal);
      stop.signal.throwIfAborted();
      this.post(body, this.address(isRun));
    } catch (error) {
      this.busy(false);
      this.say.textContent = error.name === "AbortError" ? "Cancelled. Nothing was deployed."
        : `A file cannot be read any more (${error.message}). Nothing was deployed; choose the folder again.`;
    }
  }

  async packed(signal) {
    const data = new FormData();
    if (this.isOneFile) {
      data.append("file", await this.sent[0].open(), this.sent[0].path);
      return data;
    }
    const all = this.sent.reduce((sum, { size }) => sum + size, 0) || 1;
    let read = 0;
    const onBytes = (count) => {
      this.bar.value = (read += count) / all;
      this.say.textContent = `${Math.round(this.bar.value * 100)} % read`;
    };
    data.append("file", await zipOf(this.sent, { signal, onBytes }), "folder.zip");
    return data;
  }

  address(isRun) {
    const query = new URLSearchParams();
    const isTriggered = this.type.value === "triggered";
    if (isTriggered && this.schedule.value.trim()) query.set("schedule", this.schedule.value.trim());
    if (isTriggered && isRun) query.set("then", "run");
    const [name, type] = [this.name.value.trim(), this.type.value].map(encodeURIComponent);
    return `${root}/pages/${type}/${name}/files${query.size ? `?${query}` : ""}`;
  }

  post(data, address) {
    const request = new XMLHttpRequest();
    const over = (words) => {
      this.busy(false);
      this.say.textContent = words;
    };
    this.running.signal.addEventListener("abort", () => request.abort());
    request.open("POST", address);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (part) => {
      if (part.lengthComputable) this.bar.value = part.loaded / part.total;
      this.say.textContent = `${Math.round(this.bar.value * 100)} % sent`;
    });
    request.upload.addEventListener("load", () => {
      this.cancel.hidden = true; // from here on the server finishes it by itself
      this.say.textContent = "Sent. Waiting for a runner to install it…";
    });
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText || "{}");
      } catch (error) { /* not from this api: a proxy's own page */ }
      if (request.status === 401) signedOut();
      if (request.status < 300 && answer.url) location.assign(answer.url);
      else over(answer.fault || answer.detail || `It was refused (${request.status}).`);
    });
    request.addEventListener("error", () => over("The connection broke. Nothing was deployed; try again."));
    request.addEventListener("abort", () => over("Cancelled. Nothing was deployed."));
    request.send(data);
  }
}

document.querySelectorAll("form[data-upload]").forEach((form) => new Upload(form));
