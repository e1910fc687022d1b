import { TENANT_ID } from "../../subscription/subscription-handlers.ts";
import type { World } from "../../world.ts";
import { type Json, type JsonObject, objectAt, textAt } from "../json.ts";

/** Members of a resource beside its properties that are stored and returned, and have no effect here. */
const STORED = ["plan", "extendedLocation"];

/** These members and the identity of a resource, as a body states them; what it leaves out stays. */
export function statedMembers(world: World, body: Json | undefined, present: JsonObject): JsonObject {
  const identity = identityOf(world, objectAt(body, "identity"), objectAt(present, "identity"));
  const stored = STORED.flatMap((member) => {
    const stated = objectAt(body, member) ?? objectAt(present, member);
    return stated === undefined ? [] : [[member, stated] as const];
  });
  return {
    ...Object.fromEntries(stored),
    ...(identity === undefined || textAt(identity, "type") === "None" ? {} : { identity }),
  };
}

/** A system-assigned identity has the same principal for as long as its resource exists. */
export function identityOf(
  world: World,
  stated: JsonObject | undefined,
  present: JsonObject | undefined,
): JsonObject | undefined {
  if (stated === undefined) return present;
  if (!(textAt(stated, "type") ?? "").includes("SystemAssigned")) return stated;
  const principalId = textAt(present, "principalId") ?? world.random.guid();
  return { ...stated, principalId, tenantId: TENANT_ID };
}
