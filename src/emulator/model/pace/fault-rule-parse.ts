import { isObject, type Json, type JsonObject, listAt, numberAt, objectAt, textAt } from "../api/json.ts";
import { type FaultEffect, type FaultRule, isOperationEffect, OPERATION_EFFECTS } from "./faults.ts";

export type ParsedFaultRule =
  | { readonly ok: true; readonly rule: FaultRule }
  | { readonly ok: false; readonly reason: string };

const RULE_MEMBERS = ["id", "operation", "resource", "disk", "nth", "times", "probability", "effect"];
const TEXT_MEMBERS = ["id", "operation", "resource", "disk"] as const;
const EFFECT_KINDS: readonly FaultEffect["kind"][] = [
  ...(["Error", "DropRequest", "DropResponse", "DelayResponse"] as const),
  ...(["FailOperation", "IdleOperation", "StuckOperation", "UnreportedOperation", "StaleRead"] as const),
];
/** The members of effects that have more than their kind. */
const EFFECT_MEMBERS: Readonly<Partial<Record<FaultEffect["kind"], readonly string[]>>> = {
  Error: ["status", "code", "message", "target", "details", "internalErrorCode", "retryAfterS", "claims"],
  DelayResponse: ["delayMs"],
  FailOperation: ["code", "message", "applied"],
};
const APPLIED = ["none", "others", "all"] as const;

/** Reads a rule from the admin API or a scenario. A failure names the wrong member. */
export function parseFaultRule(json: Json | undefined): ParsedFaultRule {
  if (!isObject(json)) return wrong("a fault rule is an object");
  const unknown = Object.keys(json).find((member) => !RULE_MEMBERS.includes(member));
  if (unknown !== undefined)
    return wrong(`'${unknown}' is not a member of a fault rule; it has ${RULE_MEMBERS.join(", ")}`);
  const problem = wrongMember(json);
  if (problem !== undefined) return wrong(problem);
  const effect = parseEffect(json["effect"]);
  if (typeof effect === "string") return wrong(effect);
  if (json["disk"] !== undefined && !isOperationEffect(effect))
    return wrong(
      `'disk' goes with the end of an operation (${OPERATION_EFFECTS.join(", ")}), ` +
        `not with effect ${effect.kind}: a call is known by 'operation' and 'resource'`,
    );
  const rule: FaultRule = {
    ...texts(json, TEXT_MEMBERS),
    ...numbers(json, ["nth", "times", "probability"]),
    effect,
  };
  return { ok: true, rule };
}

/** The wrong member, if one has a wrong type or value. */
function wrongMember(rule: JsonObject): string | undefined {
  const { nth, times, probability } = rule;
  const notText = TEXT_MEMBERS.find(
    (member) => rule[member] !== undefined && typeof rule[member] !== "string",
  );
  if (notText !== undefined) return `'${notText}' is a text`;
  if (nth !== undefined && !isCount(nth)) return "'nth' is a whole number from 1";
  if (times !== undefined && !isCount(times)) return "'times' is a whole number from 1";
  if (probability !== undefined && (typeof probability !== "number" || probability < 0 || probability > 1))
    return "'probability' is a number from 0 to 1";
  return undefined;
}

function isCount(value: Json): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1;
}

function parseEffect(json: Json | undefined): FaultEffect | string {
  const kind = EFFECT_KINDS.find((known) => known === textAt(json, "kind"));
  if (kind === undefined) return `effect.kind is one of ${EFFECT_KINDS.join(", ")}`;
  const unknown = Object.keys(objectAt(json) ?? {}).find(
    (member) => member !== "kind" && !(EFFECT_MEMBERS[kind] ?? []).includes(member),
  );
  if (unknown !== undefined) return `'${unknown}' is not a member of effect ${kind}`;
  const code = textAt(json, "code");
  const message = textAt(json, "message");
  const target = textAt(json, "target");
  const retryAfterS = numberAt(json, "retryAfterS");
  switch (kind) {
    case "Error": {
      const status = numberAt(json, "status");
      if (status === undefined || code === undefined) return "effect Error needs 'status' and 'code'";
      if (!Number.isInteger(status) || status < 400 || status > 599)
        return "effect Error: 'status' is from 400 to 599";
      const details = listAt(json, "details");
      return {
        ...{
          kind,
          status,
          code,
          ...defined({
            message,
            target,
            internalErrorCode: textAt(json, "internalErrorCode"),
            claims: textAt(json, "claims"),
          }),
        },
        ...(details === undefined ? {} : { details }),
        ...(retryAfterS === undefined ? {} : { retryAfterS }),
      };
    }
    case "DelayResponse": {
      const delayMs = numberAt(json, "delayMs");
      return delayMs === undefined ? "effect DelayResponse needs 'delayMs'" : { kind, delayMs };
    }
    case "FailOperation": {
      const applied = APPLIED.find((known) => known === textAt(json, "applied"));
      if (code === undefined) return "effect FailOperation needs 'code'";
      if (applied === undefined && textAt(json, "applied") !== undefined)
        return `'applied' is one of ${APPLIED.join(", ")}`;
      return { kind, code, ...defined({ message }), ...(applied === undefined ? {} : { applied }) };
    }
    case "DropRequest":
    case "DropResponse":
    case "IdleOperation":
    case "StuckOperation":
    case "UnreportedOperation":
    case "StaleRead":
      return { kind };
  }
}

function texts<Member extends string>(
  json: JsonObject,
  members: readonly Member[],
): Partial<Record<Member, string>> {
  return Object.fromEntries(
    members.flatMap((member) => (typeof json[member] === "string" ? [[member, json[member]]] : [])),
  ) as Partial<Record<Member, string>>;
}

function numbers<Member extends string>(
  json: JsonObject,
  members: readonly Member[],
): Partial<Record<Member, number>> {
  return Object.fromEntries(
    members.flatMap((member) => (typeof json[member] === "number" ? [[member, json[member]]] : [])),
  ) as Partial<Record<Member, number>>;
}

function defined<Member extends string>(
  members: Readonly<Record<Member, string | undefined>>,
): Partial<Record<Member, string>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<
    Record<Member, string>
  >;
}

function wrong(reason: string): ParsedFaultRule {
  return { ok: false, reason };
}
