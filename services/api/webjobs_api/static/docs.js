// Shows /openapi.json: every operation with its parameters, bodies and answers, and a form that sends it.

const SHOWN = 200000; // characters of an answer
const METHODS = ["get", "put", "post", "delete", "patch", "options", "head"];
const WITH_SLASHES = "path"; // the part of an address that may be several
const ROOT = document.getElementById("routes").dataset.root; // path before every address, where a proxy takes it off
let api;

/** An element; text is never taken for HTML. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolved(schema) {
  if (!schema?.$ref) return schema ?? {};
  const target = schema.$ref.slice(2).split("/").reduce((node, step) => node[step], api);
  return { ...target, ...schema, description: schema.description ?? target.description };
}

/** The type of a schema in a few words. */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.additionalProperties && schema.type === "object") return `object of ${typeOf(schema.additionalProperties)}`;
  return [schema.type ?? "anything", schema.format].filter(Boolean).join(", ");
}

const LIMITS = ["pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
const limitsOf = (schema) =>
  LIMITS.filter((name) => name in schema).map((name) => `${name} ${schema[name]}`).join(", ");

/** The types that are objects with fields, wherever they are in a schema. */
function objectsIn(schema) {
  if (schema.anyOf) return schema.anyOf.flatMap(objectsIn);
  if (schema.items) return objectsIn(schema.items);
  return resolved(schema).properties ? [schema] : [];
}

/** A schema to read: its type, and its fields to be opened. */
function schemaView(schema) {
  const limits = limitsOf(schema);
  const view = element("div", {}, element("code", { textContent: typeOf(schema) + (limits ? ` (${limits})` : "") }));
  for (const object of objectsIn(schema)) {
    const { properties, required = [], title } = resolved(object);
    const fields = element("details", {}, element("summary", { className: "soft", textContent: `Fields of ${title ?? "the object"}` }));
    fields.addEventListener("toggle", () => {
      if (!fields.open || fields.children.length > 1) return;
      const list = element("dl");
      for (const [name, field] of Object.entries(properties)) {
        list.append(element("dt", { textContent: required.includes(name) ? name : `${name}?` }));
        list.append(element("dd", {}, element("p", { textContent: resolved(field).description ?? "" }), schemaView(field)));
      }
      fields.append(list);
    });
    view.append(fields);
  }
  return view;
}

function field(parameter) {
  const schema = resolved(parameter.schema);
  const label = element("label", {}, element("code", { textContent: parameter.name }),
    element("span", { className: "soft", textContent: ` ${parameter.in}${parameter.required ? ", required" : ""}. ${parameter.description ?? ""} ` }));
  const limits = limitsOf(schema);
  if (limits) label.append(element("span", { className: "soft", textContent: `(${limits})` }));
  let input;
  if (schema.enum) {
    input = element("select", {}, ...(parameter.required ? [] : [element("option", { value: "" })]),
      ...schema.enum.map((value) => element("option", { value, textContent: value })));
  } else {
    input = element("input", { placeholder: schema.examples?.[0] ?? "", autocomplete: "off" });
  }
  input.name = parameter.name;
  input.required = parameter.required;
  label.append(input);
  return { ...parameter, label, input };
}

function bodyFields(requestBody) {
  if (!requestBody) return null;
  const type = element("select", { ariaLabel: "Content-Type" },
    ...Object.keys(requestBody.content).map((value) => element("option", { value, textContent: value })));
  const text = element("textarea", { ariaLabel: "Body", spellcheck: false });
  const file = element("input", { type: "file", ariaLabel: "File as the body" });
  const schema = element("div");
  const show = () => schema.replaceChildren(schemaView(requestBody.content[type.value].schema ?? {}));
  type.addEventListener("change", show);
  show();
  const view = element("div", {}, element("h3", { textContent: "Body" }),
    element("p", { className: "says", textContent: requestBody.description ?? "" }), schema,
    element("label", {}, "Type ", type), text, element("label", {}, "or a file ", file));
  return { view, type, read: () => file.files[0] ?? text.value };
}

function encoded(value, withSlashes) {
  const parts = withSlashes ? value.split("/") : [value];
  return parts.map(encodeURIComponent).join("/");
}

/** The request that the form asks for. */
function requestOf(method, path, fields, body) {
  let address = ROOT + path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { name, in: place, schema, input } of fields) {
    if (place === "path") address = address.replace(`{${name}}`, () => encoded(input.value, name === WITH_SLASHES));
    else if (input.value === "") continue;
    else if (place === "query" && schema.type === "array") input.value.split(",").forEach((value) => query.append(name, value.trim()));
    else if (place === "query") query.append(name, input.value);
    else headers[name] = input.value;
  }
  const options = { method: method.toUpperCase(), headers, redirect: "manual", cache: "no-store" };
  const content = body?.read();
  if (content) {
    if (!body.type.value.includes("*")) headers["Content-Type"] = body.type.value;
    options.body = content;
  }
  return [query.size ? `${address}?${query}` : address, options];
}

/** Send it and show what comes, as it comes. */
async function send(address, options, output, stopping) {
  const began = performance.now();
  const told = element("p", { textContent: `${options.method} ${address} …` });
  const shown = element("pre");
  output.replaceChildren(told);
  try {
    const answer = await fetch(address, { ...options, signal: stopping.signal });
    const took = Math.round(performance.now() - began);
    if (answer.type === "opaqueredirect") {
      told.textContent = `Redirected, ${took} ms (a page may not see where to)`;
      return;
    }
    told.textContent = `${answer.status} ${answer.statusText}, ${took} ms`;
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    output.append(element("pre", { textContent: headers }), shown);
    await read(answer, shown);
  } catch (error) {
    told.textContent += error.name === "AbortError" ? " – stopped" : ` – no answer: ${error.message}`;
  }
}

async function read(answer, shown) {
  let text = "";
  for (const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader(); reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text = (text + value).slice(0, SHOWN);
    shown.textContent = text;
  }
  if (/json/.test(answer.headers.get("Content-Type") ?? "")) {
    try {
      shown.textContent = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      shown.textContent = text; // cut off, or not JSON after all
    }
  }
}

function tryForm(method, path, operation) {
  const fields = (operation.parameters ?? []).map(field);
  const body = bodyFields(operation.requestBody);
  const output = element("div", { className: "answer" });
  const stop = element("button", { type: "button", textContent: "Stop", hidden: true });
  const form = element("form", {}, ...fields.map(({ label }) => label), body?.view ?? null,
    element("button", { type: "submit", textContent: "Send" }), " ", stop);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const stopping = new AbortController();
    stop.onclick = () => stopping.abort();
    stop.hidden = false;
    await send(...requestOf(method, path, fields, body), output, stopping);
    stop.hidden = true;
  });
  return [form, output];
}

function answersOf(operation) {
  const list = element("dl");
  for (const [status, answer] of Object.entries(operation.responses)) {
    list.append(element("dt", { textContent: status }));
    const meaning = element("dd", {}, element("p", { textContent: answer.description }));
    for (const [name, header] of Object.entries(answer.headers ?? {})) {
      meaning.append(element("p", { className: "soft", textContent: `${name}: ${header.description}` }));
    }
    for (const [type, { schema }] of Object.entries(answer.content ?? {})) {
      meaning.append(element("div", { className: "soft", textContent: type }));
      if (schema && objectsIn(schema).length) meaning.append(schemaView(schema));
    }
    list.append(meaning);
  }
  return list;
}

function operationView(method, path, operation) {
  const name = element("code", { textContent: path, className: operation.deprecated ? "deprecated" : "" });
  const view = element("details", { className: "operation", id: operation.operationId },
    element("summary", {}, element("span", { className: `method ${method.toUpperCase()}`, textContent: method.toUpperCase() }),
      name, element("span", { className: "soft", textContent: ` ${operation.summary}` })));
  view.dataset.words = `${method} ${path} ${operation.summary} ${operation.tags.join(" ")}`.toLowerCase();
  view.dataset.older = operation.deprecated ?? false;
  view.addEventListener("toggle", () => {
    if (!view.open || view.children.length > 1) return;
    view.append(element("div", {},
      operation.description ? element("p", { textContent: operation.description }) : null,
      element("h3", { textContent: "Request" }), ...tryForm(method, path, operation),
      element("h3", { textContent: "Answers" }), answersOf(operation)));
  });
  return view;
}

function show() {
  const chapters = new Map(api.tags.map(({ name }) => [name, element("section", {}, element("h2", { textContent: name }))]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((each) => item[each])) {
      chapters.get(item[method].tags[0]).append(operationView(method, path, item[method]));
    }
  }
  document.getElementById("routes").replaceChildren(...chapters.values());
}

function filter() {
  const words = document.getElementById("filter").value.toLowerCase().split(/\s+/);
  const older = document.getElementById("older").checked;
  const isWanted = ({ words: own, older: isOlder }) => (older || isOlder === "false") && words.every((word) => own.includes(word));
  for (const chapter of document.querySelectorAll("#routes section")) {
    const operations = [...chapter.querySelectorAll("details.operation")];
    for (const each of operations) each.hidden = !isWanted(each.dataset);
    chapter.hidden = operations.every((each) => each.hidden);
  }
}

try {
  api = await (await fetch(`${ROOT}/openapi.json`)).json();
  show();
  for (const name of ["filter", "older"]) document.getElementById(name).oninput = filter;
  filter();
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted) wanted.hidden = wanted.closest("section").hidden = !(wanted.open = true);
  wanted?.scrollIntoView();
} catch (error) {
  document.getElementById("routes").textContent = `/openapi.json cannot be shown: ${error.message}`;
}
