/** JSON values. A member that is `undefined` is left out of the text. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [member: string]: Json | undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isList(value);
}

/** The value at `path`; `undefined` if any part of the path is missing or null. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let current: Json | undefined = value;
  for (const member of path) {
    if (!isObject(current)) return undefined;
    current = current[member];
  }
  return current ?? undefined;
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" ? found : undefined;
}

export function numberAt(value: Json | undefined, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === "number" ? found : undefined;
}

export function booleanAt(value: Json | undefined, ...path: readonly string[]): boolean | undefined {
  const found = at(value, ...path);
  return typeof found === "boolean" ? found : undefined;
}

export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject | undefined {
  const found = at(value, ...path);
  return isObject(found) ? found : undefined;
}

export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] | undefined {
  const found = at(value, ...path);
  return isList(found) ? found : undefined;
}

/** The members of an object as texts, for tags, without those that are no text, number or truth value. */
export function textsAt(
  value: Json | undefined,
  ...path: readonly string[]
): Readonly<Record<string, string>> | undefined {
  const found = objectAt(value, ...path);
  if (found === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, value]) =>
      value === undefined || value === null || typeof value === "object"
        ? []
        : [[name, String(value)] as const],
    ),
  );
}

export function withoutMembers(value: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([member]) => !members.includes(member)));
}

/** The names that lead to a member. */
export type MemberPath = readonly string[];

/** Reads a path such as `properties.dataDisks[].lun`, which leads to the member of each element of a list. */
export function memberPath(text: string): MemberPath {
  return text.split(/(?:\[\])?\./u);
}

/** A value without the member at a path; the value itself if it has no such member. */
export function withoutPath(value: Json | undefined, path: MemberPath, depth = 0): Json | undefined {
  const name = path[depth];
  if (!isObject(value) || name === undefined || !Object.hasOwn(value, name)) return value;
  if (depth === path.length - 1) return withoutMembers(value, [name]);
  const member = value[name];
  const kept = isList(member)
    ? withoutPathInEach(member, path, depth + 1)
    : withoutPath(member, path, depth + 1);
  return kept === member ? value : { ...value, [name]: kept };
}

function withoutPathInEach(list: readonly Json[], path: MemberPath, depth: number): readonly Json[] {
  const kept = list.map((each) => withoutPath(each, path, depth) ?? null);
  return kept.every((each, index) => each === list[index]) ? list : kept;
}

/**
 * `present`, changed as a merge patch says: objects member by member, anything else as a whole, and null
 * removes a member.
 */
export function merged(present: JsonObject, change: JsonObject): JsonObject {
  const members = Object.entries(change)
    .filter(([, value]) => value !== undefined)
    .map(([member, value]): [string, Json | undefined] => {
      const before = present[member];
      return [member, isObject(value) ? merged(isObject(before) ? before : {}, value) : (value ?? undefined)];
    });
  const all = Object.entries({ ...present, ...Object.fromEntries(members) });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/** A value without the members that are null, at any depth: Azure takes them for not stated in a creation. */
export function withoutNulls(value: Json): Json {
  if (isList(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(
    kept.map(([name, member]) => [name, member === undefined ? undefined : withoutNulls(member)]),
  );
}

/**
 * Whether both are equal, regardless of the order of members, and of whether a member is missing or
 * undefined.
 */
export function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  return canonicalText(left) === canonicalText(right);
}

function canonicalText(value: Json | undefined): string {
  return (
    JSON.stringify(value, (_member, inner: unknown) =>
      isPlainRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(byName)) : inner,
    ) ?? ""
  );
}

function byName(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : 0;
}

function isPlainRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
