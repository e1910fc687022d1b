import type { ArmMethod } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { at, isObject, type Json, type JsonObject, sameJson } from "../api/json.ts";
import type { Policy } from "../settings.ts";
import { accessOf, isAmong } from "./check-authorization.ts";

const POLICY_NAME = "Policy of the emulator";

/**
 * ARM's refusal of a PUT or PATCH after which the resource has what a policy forbids; undefined: none does. A
 * PUT is judged by its body, and a PATCH by its body on top of `present`, the resource as a GET shows it. So
 * a resource that is older than a policy is refused each PATCH that leaves it as it is.
 */
export function checkPolicies(
  policies: readonly Policy[],
  call: {
    readonly method: ArmMethod;
    readonly path: string;
    readonly caller: string;
    readonly body: Json | undefined;
  },
  present: () => Json | undefined,
): ArmFailure | undefined {
  if (policies.length === 0 || (call.method !== "PUT" && call.method !== "PATCH")) return undefined;
  const { action } = accessOf(call);
  const result = call.method === "PUT" ? call.body : patched(present(), call.body);
  const violated = policies.find((policy) => isAmong([policy.action], action) && forbids(policy, result));
  if (violated === undefined) return undefined;
  return armErrors.disallowedByPolicy({
    resourceName: call.path.split("/").at(-1) ?? "",
    subscriptionPath: /^\/subscriptions\/[^/]+/i.exec(call.path)?.[0] ?? "",
    policyName: violated.name ?? POLICY_NAME,
    property: violated.property,
    value: at(result, ...violated.property.split(".")) ?? null,
    forbidden: violated.equals,
  });
}

function forbids({ property, equals }: Policy, result: Json | undefined): boolean {
  return sameJson(at(result, ...property.split(".")) ?? null, equals);
}

/** Objects are merged; lists, and tags, are replaced. */
function patched(present: Json | undefined, change: Json | undefined): Json | undefined {
  if (change === undefined || !isObject(present) || !isObject(change)) return change ?? present;
  const merged = Object.entries(change).map(([name, value]) => [
    name,
    name === "tags" ? value : patched(present[name], value),
  ]);
  return { ...present, ...(Object.fromEntries(merged) as JsonObject) };
}
