import { type JsonObject, textAt, textsAt } from "../json.ts";

/** One condition of a `$filter`, all of which hold. */
export interface Condition {
  readonly member: FilterMember;
  readonly value: string;
  /** Whether the value may be a part of the member only: `substringof`. */
  readonly isPart: boolean;
}

const MEMBERS = ["name", "resourceType", "resourceGroup", "location", "tagName", "tagValue"] as const;

type FilterMember = (typeof MEMBERS)[number];

const TEXT = "'((?:[^']|'')*)'";
/** A condition, and the `and` to the next one. A value may have that word, and two quotes for one. */
const CONDITION = new RegExp(
  `\\s*(?:(\\w+)\\s+eq\\s+${TEXT}|substringof\\(\\s*${TEXT}\\s*,\\s*(\\w+)\\s*\\))\\s*(and\\s|$)`,
  "iy",
);

/** The conditions of a `$filter` of resources or groups; undefined for any other filter. */
export function parseListFilter(text: string): readonly Condition[] | undefined {
  if (text.trim() === "") return [];
  const conditions: Condition[] = [];
  const condition = new RegExp(CONDITION);
  for (;;) {
    const found = condition.exec(text);
    if (found === null) return undefined;
    const [, equalName, equalValue, partValue, partName, next] = found;
    const wanted = (equalName ?? partName)?.toLowerCase();
    const member = MEMBERS.find((known) => known.toLowerCase() === wanted);
    if (member === undefined) return undefined;
    const value = (equalValue ?? partValue ?? "").replaceAll("''", "'");
    conditions.push({ member, value, isPart: partName !== undefined });
    if (next === "") return conditions;
  }
}

/**
 * Whether a resource or a group, as its own GET answers, meets all conditions. Only values of tags have a
 * case.
 */
export function meets(resource: JsonObject, conditions: readonly Condition[]): boolean {
  const tagName = conditions.find(({ member }) => member === "tagName")?.value.toLowerCase();
  return conditions.every(({ member, value, isPart }) =>
    valuesOf(resource, member, tagName).some((text) => {
      const [has, wants] = member === "tagValue" ? [text, value] : [text.toLowerCase(), value.toLowerCase()];
      return isPart ? has.includes(wants) : has === wants;
    }),
  );
}

function valuesOf(
  resource: JsonObject,
  member: FilterMember,
  tagName: string | undefined,
): readonly string[] {
  const tags = Object.entries(textsAt(resource, "tags") ?? {});
  switch (member) {
    case "tagName":
      return tags.map(([name]) => name);
    case "tagValue":
      return tags.filter(([name]) => name.toLowerCase() === tagName).map(([, value]) => value);
    case "resourceType":
      return [textAt(resource, "type") ?? ""];
    case "resourceGroup":
      return [/\/resourceGroups\/([^/]+)/i.exec(textAt(resource, "id") ?? "")?.[1] ?? ""];
    default:
      return [textAt(resource, member) ?? ""];
  }
}
