import type { ArmApi, ArmUsage } from "../../provisioner/arm/arm-api.ts";
import type { DefaultDiskPlace } from "../../provisioner/disk/disks.ts";
import { type Finding, missing, present, unknown } from "./finding.ts";
import { roleCommands } from "./role-commands.ts";

const CHECK = "quotas of disks";
/** Of a quota: more leaves too little for a burst of new volumes. */
const USED_MAX = 0.9;
/** `PremiumDiskCount`, `UltraSSDDiskCount`. */
const DISK_QUOTA = /DiskCount$/u;

export interface QuotaCheck {
  readonly arm: Pick<ArmApi, "listUsages">;
  readonly place: DefaultDiskPlace;
  /** For the command that assigns the role. */
  readonly clientId: string | undefined;
}

/**
 * Whether the subscription may still have disks in the region: of each SKU, less than nine tenths of the
 * quota are used. A SKU whose quota is 0 is not offered there.
 */
export async function checkDiskQuotas(
  { arm, place, clientId }: QuotaCheck,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { location } = place;
  const { result } = await arm.listUsages({ location, clientRequestId: "" }, signal);
  if (!result.ok) {
    const { statusCode, code, message } = result.failure;
    return statusCode === 403
      ? [missing("may read quotas", message, roleCommands({ clientId, place }, { code, message }))]
      : [unknown(CHECK, `${code}: ${message}`)];
  }
  const quotas = result.value.filter(({ name, limit }) => DISK_QUOTA.test(name) && limit > 0);
  const used = quotas.filter(({ current, limit }) => current >= limit * USED_MAX);
  if (used.length > 0) return used.map((usage) => nearlyUsedUp(place, usage));
  return [
    quotas.length === 0
      ? unknown(CHECK, `Azure lists none in ${location}`)
      : present(CHECK, `less than 90 % are used in ${location}`),
  ];
}

function nearlyUsedUp(
  { subscriptionId, location }: DefaultDiskPlace,
  { name, current, limit }: ArmUsage,
): Finding {
  const scope = `/subscriptions/${subscriptionId}/providers/Microsoft.Compute/locations/${location}`;
  return missing(
    `quota ${name}`,
    `${current} of ${limit} in ${location} are used`,
    `az quota update --resource-name ${name} --scope ${scope} --limit-object value=${limit * 2}`,
  );
}
