/**
 * A copy as plain JSON: keys whose value is undefined are gone, nothing is shared with the original
 * except what is in `kept`, which is never written to.
 */
export function plainJson(value: unknown, kept: readonly unknown[] = []): unknown {
  const copy = copyOf(value, kept);
  return copy === NOT_PLAIN ? throughText(value) : copy;
}

/** An upper bound for the bytes of a JSON value's text: found faster than the text is written. */
export function jsonBytesAtMost(value: unknown): number {
  if (typeof value === "string") return 2 + value.length * ESCAPED_BYTES_MAX;
  if (typeof value !== "object" || value === null) return SCALAR_BYTES_MAX;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const part of value) bytes += 1 + jsonBytesAtMost(part);
    return bytes;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields))
    bytes += 4 + name.length * ESCAPED_BYTES_MAX + jsonBytesAtMost(fields[name]);
  return bytes;
}

/** As in `\u001f`. */
const ESCAPED_BYTES_MAX = 6;
/** As in `-1.2345678901234567e+123`. */
const SCALAR_BYTES_MAX = 25;
const NOT_PLAIN = Symbol("not plain");

function throughText(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : JSON.parse(text);
}

/**
 * Copies what JSON would copy as it is, several times as fast as text does; gives up where JSON makes
 * something else of a value.
 */
function copyOf(value: unknown, kept: readonly unknown[]): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? value : NOT_PLAIN;
    case "object":
      if (value === null || kept.includes(value)) return value;
      return Array.isArray(value) ? copyOfList(value, kept) : copyOfFields(value, kept);
    default:
      return NOT_PLAIN;
  }
}

function copyOfList(list: readonly unknown[], kept: readonly unknown[]): unknown {
  const copy: unknown[] = [];
  for (const part of list) {
    const copied = copyOf(part, kept);
    if (copied === NOT_PLAIN) return NOT_PLAIN;
    copy.push(copied);
  }
  return copy;
}

function copyOfFields(value: object, kept: readonly unknown[]): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (
    (prototype !== Object.prototype && prototype !== null) ||
    "toJSON" in value ||
    Object.hasOwn(value, "__proto__")
  )
    return NOT_PLAIN;
  const fields = value as Readonly<Record<string, unknown>>;
  const copy: Record<string, unknown> = {};
  // Each write and each read of a store passes here: no pair is made for each field.
  for (const name of Object.keys(fields)) {
    const part = fields[name];
    if (part === undefined) continue;
    const copied = copyOf(part, kept);
    if (copied === NOT_PLAIN) return NOT_PLAIN;
    copy[name] = copied;
  }
  return copy;
}
