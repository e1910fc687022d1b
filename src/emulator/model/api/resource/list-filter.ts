import { type JsonObject, textAt, textsAt } from "../json.ts";

/** One condition of a `$filter`. */
interface Condition {
  readonly member: FilterMember;
  readonly value: string;
  readonly relation: "eq" | "ne" | "substringof" | "startswith";
}

/** A `$filter`: of its alternatives, all conditions of one hold. Without a filter that is none. */
export type ListFilter = readonly (readonly Condition[])[];

/** The members of a resource by which Azure's description lets one filter, and how. */
const RELATIONS = {
  name: ["eq", "ne", "substringof"],
  resourceGroup: ["eq", "ne", "substringof"],
  resourceType: ["eq", "ne"],
  location: ["eq", "ne"],
  "identity/principalId": ["eq", "ne"],
  "plan/publisher": ["eq", "ne"],
  "plan/product": ["eq", "ne"],
  "plan/name": ["eq", "ne"],
  "plan/version": ["eq", "ne"],
  "plan/promotionCode": ["eq", "ne"],
  tagName: ["eq", "startswith"],
  tagValue: ["eq"],
} as const satisfies Readonly<Record<string, readonly Condition["relation"][]>>;

type FilterMember = keyof typeof RELATIONS;

const TEXT = "'((?:[^']|'')*)'";
/** A condition, and what joins it to the next. A value may have that word, and two quotes for one. */
const CONDITION = new RegExp(
  `\\s*(?:([\\w/]+)\\s+(eq|ne)\\s+${TEXT}` +
    `|(substringof)\\(\\s*${TEXT}\\s*,\\s*([\\w/]+)\\s*\\)` +
    `|(startswith)\\(\\s*([\\w/]+)\\s*,\\s*${TEXT}\\s*\\))\\s*(and\\s|or\\s|$)`,
  "iy",
);

/** Reads a `$filter` of resources or groups, in which `and` binds tighter; undefined for any other. */
export function parseListFilter(text: string): ListFilter | undefined {
  if (text.trim() === "") return [[]];
  const condition = new RegExp(CONDITION);
  const alternatives: Condition[][] = [];
  let all: Condition[] = [];
  for (;;) {
    const found = condition.exec(text);
    const parsed = found === null ? undefined : conditionOf(found);
    if (found === null || parsed === undefined) return undefined;
    all.push(parsed);
    const next = found[10]?.trim().toLowerCase();
    if (next === "and") continue;
    alternatives.push(all);
    all = [];
    if (next === "") return alternatives;
  }
}

function conditionOf(found: RegExpExecArray): Condition | undefined {
  const [, compared, comparison, comparedTo, part, partText, partOf, start, startOf, startText] = found;
  const wanted = (compared ?? partOf ?? startOf)?.toLowerCase();
  const asked = (comparison ?? part ?? start)?.toLowerCase();
  const member = memberNames().find((known) => known.toLowerCase() === wanted);
  if (member === undefined) return undefined;
  const relation = RELATIONS[member].find((known) => known === asked);
  const value = (comparedTo ?? partText ?? startText ?? "").replaceAll("''", "'");
  return relation === undefined ? undefined : { member, relation, value };
}

function memberNames(): readonly FilterMember[] {
  return Object.keys(RELATIONS) as FilterMember[];
}

export function namesTags(filter: ListFilter): boolean {
  return filter.flat().some(({ member }) => member === "tagName" || member === "tagValue");
}

/** Whether a resource or a group, as its own GET answers, meets a filter. Only values of tags have a case. */
export function meets(resource: JsonObject, filter: ListFilter): boolean {
  return filter.some((conditions) => {
    const tagNames = conditions.filter(({ member }) => member === "tagName");
    return conditions.every((condition) => holds(resource, condition, tagNames));
  });
}

function holds(resource: JsonObject, condition: Condition, tagNames: readonly Condition[]): boolean {
  const values = valuesOf(resource, condition.member, tagNames);
  return condition.relation === "ne"
    ? values.every((text) => !relates(text, { ...condition, relation: "eq" }))
    : values.some((text) => relates(text, condition));
}

function relates(text: string, { member, value, relation }: Condition): boolean {
  const [has, wants] = member === "tagValue" ? [text, value] : [text.toLowerCase(), value.toLowerCase()];
  if (relation === "substringof") return has.includes(wants);
  return relation === "startswith" ? has.startsWith(wants) : has === wants;
}

function valuesOf(
  resource: JsonObject,
  member: FilterMember,
  tagNames: readonly Condition[],
): readonly string[] {
  const tags = Object.entries(textsAt(resource, "tags") ?? {});
  switch (member) {
    case "tagName":
      return tags.map(([name]) => name);
    case "tagValue":
      // The value is that of the tag which the other conditions name.
      return tags
        .filter(([name]) => tagNames.length > 0 && tagNames.every((wanted) => relates(name, wanted)))
        .map(([, value]) => value);
    case "resourceType":
      return [textAt(resource, "type") ?? ""];
    case "resourceGroup":
      return [/\/resourceGroups\/([^/]+)/i.exec(textAt(resource, "id") ?? "")?.[1] ?? ""];
    default:
      return [textAt(resource, ...member.split("/")) ?? ""];
  }
}
