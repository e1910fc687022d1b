import { type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { JsonObject } from "../api/json.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { World } from "../world.ts";
import { OTHER_PROVIDERS } from "./other-providers.ts";
import {
  DISK_ACCESS_VERSIONS,
  DISK_VERSIONS,
  ENCRYPTION_SET_VERSIONS,
  VM_VERSIONS,
} from "./published-versions.ts";
import { displayNameOf, hasRegion, listedRegions, regionNamed, regionsOf, zonesIn } from "./regions.ts";
import { subscriptionIdsOf } from "./subscriptions.ts";

/** The one tenant of the emulator: every token is of it, whichever tenant its client names. */
export const TENANT_ID = "00000000-0000-0000-0000-0000000000ff";
const COMPUTE = "Microsoft.Compute";
/** Resource types of Microsoft.Compute that the emulator has. */
const RESOURCE_TYPES = {
  availabilitySets: VM_VERSIONS,
  diskAccesses: DISK_ACCESS_VERSIONS,
  diskEncryptionSets: ENCRYPTION_SET_VERSIONS,
  disks: DISK_VERSIONS,
  snapshots: DISK_VERSIONS,
  virtualMachines: VM_VERSIONS,
  virtualMachineScaleSets: VM_VERSIONS,
  "virtualMachineScaleSets/virtualMachines": VM_VERSIONS,
  "locations/usages": VM_VERSIONS,
} as const;
/** Types of which a resource can be in a zone; recorded lists of providers have no mappings of others. */
const ZONAL_TYPES: readonly string[] = ["disks", "virtualMachines", "virtualMachineScaleSets"];
/** Regions with zones that are recorded as `Other`; those without zones are. */
const ALTERNATE_REGIONS: readonly string[] = ["eastus2", "southcentralus", "westus3"];
const NAMESPACE = /^[a-z][a-z0-9]*(?:\.[a-z0-9]+)+$/i;

export function listSubscriptionsHandler(world: World): HandlerResult {
  const value = subscriptionIdsOf(world).map(renderSubscription);
  return reply(200, { value, count: { type: "Total", value: value.length } });
}

export function getSubscriptionHandler(world: World, call: ArmCall): HandlerResult {
  return reply(200, renderSubscription(subscriptionOf(world, call)));
}

/** GET of the regions of a subscription. */
export function listLocationsHandler(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = subscriptionOf(world, call);
  const value = listedRegions(world).map((name) => renderRegion(name, subscriptionId));
  return reply(200, { value });
}

function renderRegion(name: string, subscriptionId: string): JsonObject {
  const { group, pair } = regionNamed(name);
  const zones = zonesIn(name);
  const displayName = displayNameOf(name);
  const idOf = (region: string): string => `/subscriptions/${subscriptionId}/locations/${region}`;
  return {
    id: idOf(name),
    name,
    type: "Region",
    displayName,
    regionalDisplayName: group === undefined ? displayName : `(${group}) ${displayName}`,
    metadata: {
      regionType: "Physical",
      regionCategory: zones.length > 0 && !ALTERNATE_REGIONS.includes(name) ? "Recommended" : "Other",
      ...(group === undefined ? {} : { geographyGroup: group }),
      ...(pair === undefined ? {} : { pairedRegion: [{ name: pair, id: idOf(pair) }] }),
    },
    ...(zones.length === 0
      ? {}
      : {
          availabilityZoneMappings: zones.map((zone) => ({
            logicalZone: zone,
            physicalZone: `${name}-az${zone}`,
          })),
        }),
  };
}

export function listProvidersHandler(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = subscriptionOf(world, call);
  const value = [COMPUTE, ...OTHER_PROVIDERS].map((name) => renderProvider(world, subscriptionId, name));
  return reply(200, { value });
}

/**
 * GET of one provider, or its registration by POST. Every provider counts as registered: Terraform registers
 * many, and would stop. Those other than Microsoft.Compute have no resource types here.
 */
export function providerHandler(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = subscriptionOf(world, call);
  const namespace = param(call, "namespace");
  return NAMESPACE.test(namespace)
    ? reply(200, renderProvider(world, subscriptionId, namespace))
    : armErrors.resourceNamespace(namespace);
}

function renderProvider(world: World, subscriptionId: string, namespace: string): JsonObject {
  const isCompute = keyOf(namespace) === keyOf(COMPUTE);
  const name = isCompute ? COMPUTE : namespace;
  const locations = regionsOf(world).map(displayNameOf);
  const zonesByRegion = regionsOf(world)
    .filter((region) => zonesIn(region).length > 0)
    .map((region) => ({ location: displayNameOf(region), zones: zonesIn(region) }));
  return {
    id: `/subscriptions/${subscriptionId}/providers/${name}`,
    namespace: name,
    registrationState: "Registered",
    registrationPolicy: "RegistrationRequired",
    resourceTypes: (isCompute ? Object.entries(RESOURCE_TYPES) : []).map(([resourceType, published]) => ({
      resourceType,
      locations,
      ...(ZONAL_TYPES.includes(resourceType) ? { zoneMappings: zonesByRegion } : {}),
      apiVersions: versionsOf(world, published),
      capabilities: "None",
    })),
  };
}

export function listTenantsHandler(): HandlerResult {
  const id = `/tenants/${TENANT_ID}`;
  return reply(200, {
    value: [{ id, tenantId: TENANT_ID, tenantCategory: "Home", displayName: "emulator" }],
  });
}

/**
 * Why the provider has nothing in the region of a path, such as `locations/eastus/vmSizes`; the type is named
 * as there, without the region.
 */
export function checkPathRegion(
  world: World,
  { params, path, apiVersion }: Pick<ArmCall, "params" | "path" | "apiVersion">,
): ArmFailure | undefined {
  const { location } = params;
  if (location === undefined || hasRegion(world, location)) return undefined;
  const type = `locations/${path.split("/").at(-1) ?? ""}`;
  const versions = versionsOf(world, VM_VERSIONS);
  return armErrors.noProviderInLocation(location, {
    ...{ type, version: apiVersion, versions },
    regions: regionsOf(world),
  });
}

function versionsOf({ settings }: World, published: readonly string[]): readonly string[] {
  return settings.apiVersions.length > 0 ? settings.apiVersions : published;
}

function renderSubscription(subscriptionId: string): JsonObject {
  return {
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId: TENANT_ID,
    displayName: `Emulator ${subscriptionId}`,
    state: "Enabled",
    authorizationSource: "RoleBased",
    managedByTenants: [],
    subscriptionPolicies: {
      locationPlacementId: "Public_2014-09-01",
      quotaId: "PayAsYouGo_2014-09-01",
      spendingLimit: "Off",
    },
  };
}

/** The id of the subscription of a call, which has been found, as it was first spelled. */
function subscriptionOf(world: World, call: ArmCall): string {
  const asked = param(call, "subscriptionId");
  return subscriptionIdsOf(world).find((known) => keyOf(known) === keyOf(asked)) ?? asked;
}
