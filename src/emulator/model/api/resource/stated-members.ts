import { createSeededRandom } from "../../pace/random.ts";
import { edgeZoneIn } from "../../subscription/edge-zones.ts";
import { TENANT_ID } from "../../subscription/subscription-handlers.ts";
import type { World } from "../../world.ts";
import { isObject, type Json, type JsonObject, objectAt, textAt, textsAt } from "../json.ts";
import { sameId } from "./resource-id.ts";

/** Members of a resource beside its properties and its edge zone that are stored and returned. */
const STORED = ["plan", "placement"];

/** A PATCH changes what it names of a member's parts; any other write replaces them. */
export type WriteKind = "PATCH" | "PUT";

/**
 * These members and the identity of a resource, as a body states them; what it leaves out stays, and what it
 * sets to null goes, since a PATCH is a JSON merge patch (RPC-V2-Patch-3 of Azure's OpenAPI validator).
 */
export function statedMembers(
  world: World,
  body: Json | undefined,
  { members: present, kind }: { readonly members: JsonObject; readonly kind: WriteKind },
): JsonObject {
  const identity = identityOf(world, body, { identity: objectAt(present, "identity"), kind });
  const stored = STORED.flatMap((member) => {
    if (isRemoved(body, member)) return [];
    const stated = objectAt(body, member) ?? objectAt(present, member);
    return stated === undefined ? [] : [[member, stated] as const];
  });
  return {
    ...Object.fromEntries(stored),
    // It stays: a write that repeats its name alone, or in another case, changes nothing of it.
    ...edgeZoneIn(objectAt(present, "extendedLocation") === undefined ? body : present),
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

/**
 * The identity of a resource after a write. Of a PATCH, user-assigned identities that it leaves out stay, and
 * those that it sets to null go (Learn, Configure managed identities on Azure VMs using REST). A
 * system-assigned one has the same principal for as long as its resource exists.
 */
export function identityOf(
  world: World,
  body: Json | undefined,
  { identity: present, kind }: { readonly identity: JsonObject | undefined; readonly kind: WriteKind },
): JsonObject | undefined {
  if (isRemoved(body, "identity")) return undefined;
  const stated = objectAt(body, "identity");
  if (stated === undefined) return present;
  const before = kind === "PATCH" ? present : undefined;
  // Recorded by Azure's CLI in 2023 (Azure/azure-cli, test_guest_attestation_extension_and_msi.yaml): a blank
  // between the two, though a template has none.
  const type = (textAt(stated, "type") ?? textAt(before, "type") ?? "").replace(/,(?=\S)/, ", ");
  const named = objectAt(stated, "userAssignedIdentities") ?? {};
  const assigned = [
    ...Object.keys(objectAt(before, "userAssignedIdentities") ?? {}).filter(
      (id) => !Object.keys(named).some((other) => sameId(other, id)),
    ),
    ...Object.keys(named).filter((id) => named[id] !== null),
  ];
  return {
    type,
    ...(type.includes("UserAssigned") && assigned.length > 0
      ? { userAssignedIdentities: Object.fromEntries(assigned.map((id) => [id, assignedIdentity(id)])) }
      : {}),
    ...(type.includes("SystemAssigned")
      ? { principalId: textAt(present, "principalId") ?? world.random.guid(), tenantId: TENANT_ID }
      : {}),
  };
}

/** The ids of a user-assigned identity, which are the same wherever it is assigned. */
function assignedIdentity(resourceId: string): JsonObject {
  const codes = Array.from(resourceId.toLowerCase(), (character) => character.charCodeAt(0));
  const ids = createSeededRandom(codes.reduce((seed, code) => Math.imul(seed, 31) + code, 1));
  return { principalId: ids.guid(), clientId: ids.guid() };
}
