import type { ArmMethod } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { at, type Json, sameJson, textAt } from "../api/json.ts";
import type { Policy } from "../settings.ts";
import { accessOf, isAmong } from "./check-authorization.ts";

const POLICY_NAME = "Policy of the emulator";

/**
 * ARM's refusal of a PUT or PATCH whose body has what a policy forbids; undefined: none does. Azure judges a
 * PATCH by the resource that it would give; here by what it sends.
 */
export function checkPolicies(
  policies: readonly Policy[],
  call: {
    readonly method: ArmMethod;
    readonly path: string;
    readonly caller: string;
    readonly body: Json | undefined;
  },
): ArmFailure | undefined {
  if (policies.length === 0 || (call.method !== "PUT" && call.method !== "PATCH")) return undefined;
  const { action } = accessOf(call);
  const violated = policies.find((policy) => isAmong([policy.action], action) && forbids(policy, call));
  if (violated === undefined) return undefined;
  return armErrors.disallowedByPolicy({
    resourceName: call.path.split("/").at(-1) ?? "",
    subscriptionPath: /^\/subscriptions\/[^/]+/i.exec(call.path)?.[0] ?? "",
    policyName: violated.name ?? POLICY_NAME,
    property: violated.property,
    value: at(call.body, ...violated.property.split(".")) ?? null,
    forbidden: violated.equals,
  });
}

function forbids(
  { property, equals }: Policy,
  { method, body }: { readonly method: ArmMethod; readonly body: Json | undefined },
): boolean {
  const value = at(body, ...property.split("."));
  return value === undefined ? equals === null && method === "PUT" : sameJson(value, equals);
}

/** Reads the setting `policies`. A text says what is wrong with it. */
export function parsePolicies(value: Json | undefined): { readonly value: readonly Policy[] } | string {
  return Array.isArray(value) && value.every(isPolicy)
    ? { value: value as unknown as readonly Policy[] }
    : "'policies' is a list of {action, property, equals}, and a name";
}

function isPolicy(value: Json): boolean {
  const name = at(value, "name");
  const isNamed = name === undefined || typeof name === "string";
  const { equals } = Object(value) as { readonly equals?: Json };
  return (
    isNamed &&
    textAt(value, "action") !== undefined &&
    textAt(value, "property") !== undefined &&
    equals !== undefined
  );
}
