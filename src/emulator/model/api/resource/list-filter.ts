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

const EQUAL = /^\s*(\w+)\s+eq\s+'([^']*)'\s*$/i;
const PART = /^\s*substringof\(\s*'([^']*)'\s*,\s*(\w+)\s*\)\s*$/i;

/** The conditions of a `$filter` of resources or groups; undefined for any other filter. */
export function parseListFilter(text: string): readonly Condition[] | undefined {
  if (text.trim() === "") return [];
  const conditions = text.split(/\s+and\s+/i).map(parseCondition);
  return conditions.some((condition) => condition === undefined)
    ? undefined
    : conditions.filter((condition) => condition !== undefined);
}

function parseCondition(text: string): Condition | undefined {
  const [, equalName, equalValue] = EQUAL.exec(text) ?? [];
  const [, partValue, partName] = PART.exec(text) ?? [];
  const wanted = (equalName ?? partName)?.toLowerCase();
  const member = MEMBERS.find((known) => known.toLowerCase() === wanted);
  const value = equalValue ?? partValue;
  return member === undefined || value === undefined
    ? undefined
    : { member, value, isPart: partName !== undefined };
}

/** Whether a resource or a group, as its own GET answers, meets all conditions; case does not matter. */
export function meets(resource: JsonObject, conditions: readonly Condition[]): boolean {
  const tagName = conditions.find(({ member }) => member === "tagName")?.value.toLowerCase();
  return conditions.every(({ member, value, isPart }) =>
    valuesOf(resource, member, tagName).some((text) =>
      isPart ? text.toLowerCase().includes(value.toLowerCase()) : text.toLowerCase() === value.toLowerCase(),
    ),
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
