import type { RemainingCalls } from "../../provisioner/arm/arm-api.ts";

/**
 * The longest `Retry-After` that is believed, in milliseconds: the front door once counted calls by the hour,
 * and nothing of Azure by more. What a proxy says, or a date by another clock, would end all calls for days.
 */
const RETRY_AFTER_MAX_MS = 3_600_000;

/** `Retry-After` in milliseconds, from 0 to 3,600,000: seconds or an HTTP date. */
export function readRetryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header === "") return undefined;
  const seconds = Number(header);
  const delayMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(delayMs) ? undefined : Math.min(RETRY_AFTER_MAX_MS, Math.max(0, delayMs));
}

/**
 * What counts calls: for each resource, for a subscription, or in so many minutes. `VmssQueuedVMOperations`,
 * in answers to writes of uniform scale sets and their instances, does not: Azure has sent 0 there since
 * 2022.
 */
const COUNTS_CALLS = /(?:Resource|SubscriptionMaximum|\dMin)$/i;

/** `x-ms-ratelimit-remaining-resource`: `Microsoft.Compute/PutVMResource;9,…`. */
export function readRemainingCalls(header: string | undefined): readonly RemainingCalls[] {
  return (header ?? "").split(",").flatMap((part) => {
    const [policy = "", count = ""] = part.trim().split(";");
    const remaining = Number(count);
    return !COUNTS_CALLS.test(policy) || count === "" || !Number.isFinite(remaining)
      ? []
      : [{ policy: policy.replace(/^Microsoft\.Compute\//i, ""), remaining }];
  });
}

/**
 * What ARM's own front door has left, for this caller and for all together, from
 * `x-ms-ratelimit-remaining-subscription-reads` and its like: `{policy: "subscription-reads", remaining:
 * 249}`.
 */
export function readRemainingGatewayCalls(
  headers: Readonly<Record<string, string>>,
): readonly RemainingCalls[] {
  return gatewayPolicies.flatMap(({ policy, name }) => {
    const header = headers[name];
    const remaining = Number(header);
    return header === undefined || header === "" || !Number.isFinite(remaining)
      ? []
      : [{ policy, remaining }];
  });
}

const gatewayPolicies = ["reads", "writes", "deletes"]
  .flatMap((kind) => [`subscription-${kind}`, `subscription-global-${kind}`])
  .map((policy) => ({ policy, name: `x-ms-ratelimit-remaining-${policy}` }));
