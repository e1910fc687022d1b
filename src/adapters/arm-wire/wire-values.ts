import { isRecord } from "../../core/primitives/is-record.ts";

/** A parsed JSON object. */
export type Wire = Readonly<Record<string, unknown>>;

/**
 * An answer that shows no such resource, as a proxy's page of status 200 does not. What is missing in it says
 * nothing: read as a disk without owners, or a VM without disks, it would be proof.
 */
export class MalformedAnswer extends Error {}

/** What `read` makes of a part that can be done without; undefined where it is malformed. */
export function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedAnswer) return undefined;
    throw error;
  }
}

/** What ARM leaves out, or sends as null. */
function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function malformed(expected: string, value: unknown): never {
  const found = JSON.stringify(value) ?? "nothing";
  throw new MalformedAnswer(`${found.slice(0, FOUND_MAX)} is no ${expected}`);
}

/** How much of a value an error shows, in characters. */
const FOUND_MAX = 100;

/** What must be there. */
export function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new MalformedAnswer(`it has no ${name}`);
  return value;
}

/** The members of an object; none if it is absent. */
export function object(value: unknown): Wire {
  if (isAbsent(value)) return {};
  return isRecord(value) ? value : malformed("object", value);
}

/** The items of a list; undefined if it is absent. */
export function optionalList(value: unknown): readonly unknown[] | undefined {
  if (isAbsent(value)) return undefined;
  return Array.isArray(value) ? value : malformed("list", value);
}

/** The items of a list; none if it is absent. */
export function list(value: unknown): readonly unknown[] {
  return optionalList(value) ?? [];
}

/** The items of a list of texts. */
export function texts(value: unknown): readonly string[] {
  return list(value).map((item) => (typeof item === "string" ? item : malformed("text", item)));
}

export function textMap(value: unknown): Readonly<Record<string, string>> {
  const members = Object.entries(object(value)).map(([name, member]) => [name, text(member)] as const);
  return Object.fromEntries(members);
}

/** A text, or the empty one if it is absent. */
export function text(value: unknown): string {
  if (isAbsent(value)) return "";
  return typeof value === "string" ? value : malformed("text", value);
}

/** A GUID in lower case, or the empty text if it is absent. Any other would pass for another machine. */
export function guid(value: unknown): string {
  const found = text(value).toLowerCase();
  return /^([\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})?$/.test(found) ? found : malformed("GUID", value);
}

/** A text that is not empty; undefined if it is, or absent. */
export function optionalText(value: unknown): string | undefined {
  return text(value) || undefined;
}

/** A number; undefined if it is absent. */
export function optionalNumber(value: unknown): number | undefined {
  if (isAbsent(value)) return undefined;
  return typeof value === "number" && Number.isFinite(value) ? value : malformed("number", value);
}

/** A number of things, such as GiB; undefined if it is absent. */
export function optionalCount(value: unknown): number | undefined {
  const found = optionalNumber(value);
  const isCount = found === undefined || (Number.isSafeInteger(found) && found >= 0);
  return isCount ? found : malformed("count", found);
}
