import type { ArmMethod } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { Json } from "../api/json.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { World } from "../world.ts";
import { accessOf } from "./check-authorization.ts";

/** A write with the tenants of its tokens. */
interface LinkedWrite {
  readonly method: ArmMethod;
  readonly path: string;
  readonly body: Json | undefined;
  /** The tenant of the token; undefined: of none. */
  readonly tenant: string | undefined;
  /** Those of `x-ms-authorization-auxiliary`. */
  readonly auxiliaryTenants: readonly string[];
}

/**
 * ARM's refusal of a write that names a resource of another tenant's subscription, in its body or in the VM
 * that it changes, without a token of that tenant. Undefined: there is none.
 */
export function refusedLink(world: World, write: LinkedWrite): ArmFailure | undefined {
  const { method, path, body, tenant, auxiliaryTenants } = write;
  const { subscriptions = {} } = world.settings.identities;
  if (tenant === undefined || (method !== "PUT" && method !== "PATCH")) return undefined;
  const known = [tenant, ...auxiliaryTenants].map((each) => each.toLowerCase());
  const linked = subscriptionsIn([body, world.virtualMachines.get(keyOf(path))?.other]);
  const foreign = Object.entries(subscriptions).find(
    ([id, owner]) => linked.has(id.toLowerCase()) && !known.includes(owner.toLowerCase()),
  );
  return foreign === undefined
    ? undefined
    : armErrors.linkedTenantNotAuthorized(accessOf(write), tenant, foreign[0]);
}

/** The subscriptions of all resource ids in a document. */
function subscriptionsIn(document: unknown): ReadonlySet<string> {
  const ids = JSON.stringify(document).matchAll(/"\/subscriptions\/([^/"]+)\//gi);
  return new Set(Array.from(ids, ([, id = ""]) => id.toLowerCase()));
}
