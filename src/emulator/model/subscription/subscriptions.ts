import { type ArmFailure, armErrors } from "../api/errors.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { World } from "../world.ts";

/** The subscription of an emulator that neither its set-up nor its settings give one. */
export const DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000";
/** The entry of the setting `subscriptions` for every id that is a GUID. */
const ANY = "*";
const GUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether Azure could give a subscription this id. */
export function isGuid(text: string): boolean {
  return GUID.test(text);
}

/** The ids of all subscriptions: of the set-up, of the settings, and of resource groups in any other. */
export function subscriptionIdsOf({ settings, subscriptions, resourceGroups }: World): readonly string[] {
  const named = settings.subscriptions.filter((id) => id !== ANY);
  const ids = [
    ...subscriptions.values(),
    ...named,
    ...[...resourceGroups.values()].map(({ subscriptionId }) => subscriptionId),
  ];
  const byKey = new Map((ids.length > 0 ? ids : [DEFAULT_SUBSCRIPTION]).map((id) => [keyOf(id), id]));
  return [...byKey.values()];
}

/** Why Resource Manager finds no subscription of that id; one that a set-up names may be no GUID. */
export function checkSubscription(world: World, id: string): ArmFailure | undefined {
  const key = keyOf(id);
  // Without a list of all: most calls are of a subscription of the set-up.
  if (world.subscriptions.has(key) || subscriptionIdsOf(world).some((known) => keyOf(known) === key))
    return undefined;
  if (!isGuid(id)) return armErrors.invalidSubscriptionId(id);
  return world.settings.subscriptions.includes(ANY) ? undefined : armErrors.subscriptionNotFound(id);
}
