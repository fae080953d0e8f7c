// The API for people, made from /openapi.json: every operation, what it takes, and what it answers.

import { read } from "./api.js";

const METHODS = ["get", "post", "patch", "put", "delete", "options"];

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// By keyboard too.
function scrollable(made) {
  made.tabIndex = 0;
  return made;
}

function resolved(schema, document_) {
  const name = schema?.$ref?.split("/").pop();
  return name ? document_.components.schemas[name] : schema ?? {};
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(nameOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.type === "array") return `list of ${nameOf(schema.items) || "values"}`;
  return [schema.type, schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

// Text as in Markdown, of which only `code` is known.
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? code(part) : part));
}

function table(heads, rows) {
  const made = element("table");
  const head = made.createTHead().insertRow();
  heads.forEach((text) => {
    const cell = element("th", text);
    cell.scope = "col";
    head.append(cell);
  });
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((cell) => line.insertCell().append(...(typeof cell === "string" ? prose(cell) : [cell])));
  }
  const frame = element("div", "", "wide");
  frame.append(made);
  return scrollable(frame);
}

function code(text) {
  return element("code", text);
}

function paragraph(text = "") {
  const made = element("p");
  made.append(...prose(text));
  return made;
}

function parameters(operation) {
  return (operation.parameters ?? []).map((one) => {
    const schema = one.schema ?? Object.values(one.content ?? {})[0]?.schema;
    const kind = one.content ? `JSON: ${nameOf(schema)}` : nameOf(schema);
    return [code(one.name), one.required ? `${one.in}, needed` : one.in, kind, one.description ?? ""];
  });
}

function contents(content = {}) {
  return Object.entries(content)
    .map(([type, { schema }]) => [type, nameOf(schema)].filter(Boolean).join(": "))
    .join("; ");
}

function curl(path, method, operation) {
  const parts = ["curl"];
  if (method !== "get") parts.push("-X", method.toUpperCase());
  if (document.body.dataset.locked) parts.push('-H "Authorization: Bearer $TOKEN"');
  const type = Object.keys(operation.requestBody?.content ?? {})[0];
  if (type === "application/json") parts.push(`-H "Content-Type: ${type}" -d '{}'`);
  else if (type?.startsWith("application/octet")) parts.push("-T FILE");
  else if (type) parts.push(`-H "Content-Type: ${type}" --data-binary @FILE`);
  const needed = (operation.parameters ?? []).filter((one) => one.in === "query" && one.required);
  const query = needed.map((one) => `${one.name}=${one.name.toUpperCase()}`).join("&");
  parts.push(`'${location.origin}${path}${query && `?${query}`}'`);
  return parts.join(" ");
}

function operationOf(path, method, operation) {
  const section = element("section");
  section.id = operation.operationId;
  const head = element("h3");
  head.append(element("span", method.toUpperCase(), "method"), " ", code(path));
  section.append(head, paragraph(operation.description ?? operation.summary));
  const taken = parameters(operation);
  if (taken.length) section.append(element("h4", "Takes"), table(["Name", "Where", "Kind", "Meaning"], taken));
  if (operation.requestBody) section.append(element("p", `Body: ${contents(operation.requestBody.content)}`));
  const answers = Object.entries(operation.responses).map(([status, answer]) => [
    code(status), answer.description, contents(answer.content),
  ]);
  section.append(element("h4", "Answers"), table(["Status", "When", "Body"], answers));
  section.append(scrollable(element("pre", curl(path, method, operation))));
  return section;
}

function schemaOf(name, document_) {
  const schema = document_.components.schemas[name];
  const section = element("section");
  section.append(element("h3", name), paragraph(schema.description));
  const rows = Object.entries(schema.properties ?? {}).map(([field, one]) => [
    code(field), nameOf(one), one.description ?? resolved(one, document_).description ?? "",
  ]);
  if (rows.length) section.append(table(["Field", "Kind", "Meaning"], rows));
  return section;
}

function show(document_) {
  document.body.dataset.locked = document_.security ? "yes" : "";
  document.getElementById("title").textContent = `API of ${document_.info.title} ${document_.info.version}`;
  document.getElementById("about").append(...prose(document_.info.description));
  const into = document.getElementById("operations");
  const list = element("ul");
  for (const tag of document_.tags) {
    into.append(element("h2", tag.name), paragraph(tag.description));
    for (const [path, operations] of Object.entries(document_.paths)) {
      for (const method of METHODS.filter((one) => operations[one]?.tags?.includes(tag.name))) {
        into.append(operationOf(path, method, operations[method]));
        const link = element("a", `${method.toUpperCase()} ${path}`);
        link.href = `#${operations[method].operationId}`;
        const item = element("li");
        item.append(link);
        list.append(item);
      }
    }
  }
  document.getElementById("contents").append(list);
  into.append(element("h2", "What is sent and answered"));
  Object.keys(document_.components.schemas).sort().forEach((name) => into.append(schemaOf(name, document_)));
}

try {
  show(await read("/openapi.json"));
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  const notice = document.getElementById("notice");
  notice.textContent = `The documentation cannot be read: ${error.message}`;
  notice.hidden = false;
}
