import { type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import type { JsonObject } from "../api/json.ts";
import { keyOf } from "../api/resource-id.ts";
import { normalLocation, type World } from "../world.ts";

/** The one tenant of the emulator: every token is of it, whichever tenant its client names. */
export const TENANT_ID = "00000000-0000-0000-0000-0000000000ff";
/** Resource types of Microsoft.Compute that the emulator has. */
const RESOURCE_TYPES = [
  "availabilitySets",
  "diskAccesses",
  "diskEncryptionSets",
  "disks",
  "snapshots",
  "virtualMachines",
  "virtualMachineScaleSets",
  "virtualMachineScaleSets/virtualMachines",
];

/** GET of all subscriptions: those that have a resource group. */
export function listSubscriptionsHandler(world: World): HandlerResult {
  const value = subscriptionIdsOf(world).map(renderSubscription);
  return reply(200, { value, count: { type: "Total", value: value.length } });
}

/** GET of one subscription. */
export function getSubscriptionHandler(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = subscriptionOf(world, call);
  return subscriptionId === undefined ? notFound(call) : reply(200, renderSubscription(subscriptionId));
}

/** GET of the regions of a subscription: those of its resource groups. */
export function listLocationsHandler(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = subscriptionOf(world, call);
  if (subscriptionId === undefined) return notFound(call);
  const names = [...world.resourceGroups.values()]
    .filter((group) => keyOf(group.subscriptionId) === keyOf(subscriptionId))
    .map(({ location }) => normalLocation(location));
  const value = [...new Set(names)].map((name) => ({
    id: `/subscriptions/${subscriptionId}/locations/${name}`,
    name,
    type: "Region",
    displayName: name,
    regionalDisplayName: name,
    metadata: { regionType: "Physical", regionCategory: "Recommended" },
  }));
  return reply(200, { value });
}

/** GET of the registration of Microsoft.Compute in a subscription. */
export function getProviderHandler(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = subscriptionOf(world, call);
  if (subscriptionId === undefined) return notFound(call);
  return reply(200, {
    id: `/subscriptions/${subscriptionId}/providers/Microsoft.Compute`,
    namespace: "Microsoft.Compute",
    registrationState: "Registered",
    registrationPolicy: "RegistrationRequired",
    resourceTypes: RESOURCE_TYPES.map((resourceType) => ({
      resourceType,
      apiVersions: [...world.settings.apiVersions],
    })),
  });
}

/** GET of all tenants. */
export function listTenantsHandler(): HandlerResult {
  const id = `/tenants/${TENANT_ID}`;
  return reply(200, {
    value: [{ id, tenantId: TENANT_ID, tenantCategory: "Home", displayName: "emulator" }],
  });
}

function renderSubscription(subscriptionId: string): JsonObject {
  return {
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId: TENANT_ID,
    displayName: `Emulator ${subscriptionId}`,
    state: "Enabled",
    authorizationSource: "RoleBased",
    subscriptionPolicies: {
      locationPlacementId: "Public_2014-09-01",
      quotaId: "PayAsYouGo_2014-09-01",
      spendingLimit: "Off",
    },
  };
}

function subscriptionOf(world: World, call: ArmCall): string | undefined {
  return subscriptionIdsOf(world).find((known) => keyOf(known) === keyOf(param(call, "subscriptionId")));
}

function subscriptionIdsOf({ resourceGroups }: World): readonly string[] {
  const byKey = new Map(
    [...resourceGroups.values()].map(({ subscriptionId }) => [keyOf(subscriptionId), subscriptionId]),
  );
  return [...byKey.values()];
}

function notFound(call: ArmCall): HandlerResult {
  return armErrors.subscriptionNotFound(param(call, "subscriptionId"));
}
