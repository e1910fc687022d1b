import { TENANT_ID } from "../../subscription/subscription-handlers.ts";
import type { World } from "../../world.ts";
import { isObject, type Json, type JsonObject, objectAt, textAt, textsAt } from "../json.ts";

/** Members of a resource beside its properties that are stored and returned, and have no effect here. */
const STORED = ["plan", "extendedLocation"];

/**
 * These members and the identity of a resource, as a body states them; what it leaves out stays, and what it
 * sets to null goes, since a PATCH is a JSON merge patch (RPC-V2-Patch-3 of Azure's OpenAPI validator).
 */
export function statedMembers(world: World, body: Json | undefined, present: JsonObject): JsonObject {
  const identity = identityOf(world, body, objectAt(present, "identity"));
  const stored = STORED.flatMap((member) => {
    if (isRemoved(body, member)) return [];
    const stated = objectAt(body, member) ?? objectAt(present, member);
    return stated === undefined ? [] : [[member, stated] as const];
  });
  return {
    ...Object.fromEntries(stored),
    ...(identity === undefined || textAt(identity, "type") === "None" ? {} : { identity }),
  };
}

type Tags = Readonly<Record<string, string>>;

/** The tags of a resource after a write: a body replaces them all, null by none; without any they stay. */
export function statedTags<T extends Tags | undefined>(body: Json | undefined, present: T): Tags | T {
  return isRemoved(body, "tags") ? {} : (textsAt(body, "tags") ?? present);
}

function isRemoved(body: Json | undefined, member: string): boolean {
  return isObject(body) && body[member] === null;
}

/** A system-assigned identity has the same principal for as long as its resource exists. */
export function identityOf(
  world: World,
  body: Json | undefined,
  present: JsonObject | undefined,
): JsonObject | undefined {
  if (isRemoved(body, "identity")) return undefined;
  const stated = objectAt(body, "identity");
  if (stated === undefined) return present;
  if (!(textAt(stated, "type") ?? "").includes("SystemAssigned")) return stated;
  const principalId = textAt(present, "principalId") ?? world.random.guid();
  return { ...stated, principalId, tenantId: TENANT_ID };
}
