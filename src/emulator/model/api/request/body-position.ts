import { isObject, type Json } from "../json.ts";

/** What leads to a value of a body: names of members, as the client spells them, and indexes in lists. */
export type BodyPath = readonly (string | number)[];

/** A path as Azure's messages have it, such as `properties.storageProfile.dataDisks[0].lun`. */
export function pathText(path: BodyPath): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

/**
 * How many characters of a body without blanks are before the value of a path: those up to the colon of its
 * member. Azure's messages count them, in line 1: that Resource Manager removes blanks and line breaks first
 * is recorded in 2026, where azure-mgmt-compute 38, which sends blanks behind each colon and comma, gets a
 * position without them (canonical/pycloudlib#501). In recordings of 2017 to 2020 it does not remove them.
 */
export function charactersBefore(body: Json | undefined, [step, ...rest]: BodyPath): number {
  if (step === undefined) return 0;
  if (Array.isArray(body)) {
    const elements: readonly Json[] = body;
    const before = elements.slice(0, Number(step)).map((element) => `${textOf(element)},`);
    return 1 + before.join("").length + charactersBefore(elements[Number(step)], rest);
  }
  if (!isObject(body)) return 0;
  const members = Object.entries(body).filter(([, value]) => value !== undefined);
  const before = members
    .slice(
      0,
      members.findIndex(([name]) => name === step),
    )
    .map(([name, value]) => `${textOf(name)}:${textOf(value)},`);
  return 1 + before.join("").length + `${textOf(String(step))}:`.length + charactersBefore(body[step], rest);
}

/** A value without blanks. */
function textOf(value: Json | undefined): string {
  return JSON.stringify(value) ?? "";
}
