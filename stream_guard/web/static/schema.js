// The settings that a job may have, read from their JSON Schema: one field each, with the server's default.

const COLOUR = "^#[0-9a-fA-F]{6}$";

export function fieldsOf(schema) {
  const resolve = (node) => resolved(schema, node);
  return Object.entries(schema.properties).flatMap(([section, node]) => {
    const { properties } = resolve(node);
    return Object.entries(properties).map(([name, told]) => {
      const fallback = node.default?.[name];
      return fieldOf(`${section}.${name}`, resolve(told), fallback);
    });
  });
}

function resolved(schema, node) {
  const inner = node.allOf?.[0] ?? node.anyOf?.find((one) => one.type !== "null") ?? {};
  const { $ref } = { ...inner, ...node };
  const target = $ref?.startsWith("#/") ? $ref.slice(2).split("/").reduce((at, key) => at[key], schema) : {};
  return { ...target, ...inner, ...node };
}

function fieldOf(path, told, fallback) {
  const [section, name] = path.split(".");
  return {
    path, section, name,
    kind: kindOf(told),
    choices: told.enum ?? told.items?.enum ?? [],
    least: told.minimum ?? told.exclusiveMinimum,
    most: told.maximum ?? told.exclusiveMaximum,
    whole: told.type === "integer",
    initial: fallback ?? told.default,
    title: told.title ?? name,
    about: told.description ?? "",
  };
}

function kindOf(told) {
  if (told.enum) return "choice";
  if (told.pattern === COLOUR) return "colour";
  if (told.items?.type === "array") return "zones";
  const kinds = { boolean: "flag", number: "number", integer: "number", array: "list" };
  return kinds[told.type] ?? "text";
}

// Lists are written as on the command line: "a,b", and zones as "x,y x,y x,y; ...".
const isShare = (value) => value >= 0 && value <= 1;
const isCorner = (corner) => corner.length === 2 && corner.every(isShare);
const isZone = (zone) => zone.length >= 3 && zone.every(isCorner);

const parts = (text, mark) => text.split(mark).map((part) => part.trim()).filter(Boolean);
const numbers = (corner) => corner.split(",").map((part) => (part ? Number(part) : NaN));

export const LISTS = {
  list: {
    written: (words) => words.join(","),
    parsed: (text) => parts(text, ","),
    fits: (words, { choices }) => words.length > 0 && words.every((word) => choices.includes(word)),
  },
  zones: {
    written: (zones) => zones.map((zone) => (Array.isArray(zone) ? zone.join(" ") : zone)).join("; "),
    parsed: (text) => parts(text, ";").map((zone) => parts(zone, /\s+/).map(numbers)),
    fits: (zones) => zones.every(isZone),
  },
};
