import { isObject, type Json, type JsonObject, listAt, numberAt, textAt } from "../model/api/json.ts";
import type { ActorSetUp } from "./actor.ts";

export type ParsedActor =
  | { readonly ok: true; readonly actor: ActorSetUp }
  | { readonly ok: false; readonly reason: string };

type Kind = ActorSetUp["kind"];

/** A number of an actor: its default, and the values that it can have. */
interface NumberRule {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly isWhole?: true;
}

const DAY_S = 86_400;
const SECONDS = { min: 0, max: DAY_S };

const NUMBERS: Readonly<Record<Kind, Readonly<Record<string, NumberRule>>>> = {
  V1Writer: {
    everyS: { fallback: 30, min: 1, max: DAY_S },
    disks: { fallback: 1, min: 1, max: 16, isWhole: true },
    staleS: { fallback: 0, ...SECONDS },
  },
  PortalUser: { everyS: { fallback: 120, min: 1, max: DAY_S } },
  TerraformDrift: { everyS: { fallback: 600, min: 1, max: DAY_S } },
  AksUpgrade: {
    afterS: { fallback: 60, ...SECONDS },
    surge: { fallback: 1, min: 0, max: 100, isWhole: true },
    drainS: { fallback: 30, ...SECONDS },
  },
};
const PLACE = ["kind", "subscriptionId", "resourceGroup"];

/** Reads an actor: `{kind: "V1Writer", virtualMachines: ["vm-0"], everyS: 30}`. */
export function parseActor(
  json: Json | undefined,
  defaults: { readonly subscriptionId: string; readonly resourceGroup?: string },
): ParsedActor {
  if (!isObject(json)) return wrong("an actor is an object");
  const kind = (Object.keys(NUMBERS) as Kind[]).find((known) => known === json["kind"]);
  if (kind === undefined)
    return wrong(
      `'kind' of an actor is one of ${Object.keys(NUMBERS).join(", ")}, not '${textOf(json["kind"])}'`,
    );
  const members = [
    ...PLACE,
    ...(kind === "AksUpgrade" ? ["scaleSet"] : ["virtualMachines", "scaleSet"]),
    ...Object.keys(NUMBERS[kind]),
  ];
  const unknown = Object.keys(json).find((member) => !members.includes(member));
  if (unknown !== undefined)
    return wrong(`'${unknown}' is not a member of actor ${kind}; it has ${members.join(", ")}`);
  const resourceGroup = textAt(json, "resourceGroup") ?? defaults.resourceGroup;
  if (resourceGroup === undefined) return wrong(`actor ${kind} needs 'resourceGroup'`);
  const numbers = numbersOf(kind, json);
  if (typeof numbers === "string") return wrong(numbers);
  const target = targetOf(kind, json);
  if (typeof target === "string") return wrong(target);
  const subscriptionId = textAt(json, "subscriptionId") ?? defaults.subscriptionId;
  return { ok: true, actor: { kind, subscriptionId, resourceGroup, ...numbers, ...target } as ActorSetUp };
}

function numbersOf(kind: Kind, json: JsonObject): Readonly<Record<string, number>> | string {
  const found: Record<string, number> = {};
  for (const [member, { fallback, min, max, isWhole }] of Object.entries(NUMBERS[kind])) {
    const value = json[member] === undefined ? fallback : numberAt(json, member);
    const isKind = isWhole !== true || Number.isInteger(value);
    if (value === undefined || value < min || value > max || !isKind)
      return (
        `'${member}' of actor ${kind} is a ${isWhole === true ? "whole " : ""}number ` +
        `from ${min} to ${max}, not '${textOf(json[member])}'`
      );
    found[member] = value;
  }
  return found;
}

function targetOf(
  kind: Kind,
  json: JsonObject,
): { readonly scaleSet: string } | { readonly virtualMachines: readonly string[] } | string {
  const scaleSet = textAt(json, "scaleSet");
  const names = listAt(json, "virtualMachines")?.filter((name): name is string => typeof name === "string");
  if (kind === "AksUpgrade")
    return scaleSet === undefined ? "actor AksUpgrade needs 'scaleSet'" : { scaleSet };
  if ((scaleSet === undefined) === (names === undefined || names.length === 0))
    return `actor ${kind} needs either 'virtualMachines', a list of names, or 'scaleSet'`;
  return scaleSet === undefined ? { virtualMachines: names ?? [] } : { scaleSet };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function wrong(reason: string): ParsedActor {
  return { ok: false, reason };
}
