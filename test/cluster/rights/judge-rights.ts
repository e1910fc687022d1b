import { ROLLOUT_MAX_MS } from "../../../testbed/lab/cluster/install-driver.ts";
import type { AuditedRequest, AuditLog } from "./audit-log.ts";
import { allows, describeRight, type Right } from "./right.ts";

/** How long a pod of an earlier install may take to end: the grace period of a node plug-in. */
const GRACE_MAX_MS = 60_000;
/** Pods of an earlier install end this long after their rights have changed, at the latest. */
const OUTLIVED_MAX_MS = ROLLOUT_MAX_MS + GRACE_MAX_MS;

/**
 * The requests that the API server has forbidden, each once. Left out are those of pods that end while the
 * chart's rights change, and only where the same request is allowed at another time.
 */
export function forbiddenRequests(
  { requests, rightsChangedAtMs }: AuditLog,
  granted: readonly Right[],
): readonly string[] {
  const allowed = new Set(requests.filter(({ isAllowed }) => isAllowed === true).map(nameless));
  const isOfEndingPod = (request: AuditedRequest): boolean =>
    rightsChangedAtMs.some((ms) => request.atMs >= ms && request.atMs - ms <= OUTLIVED_MAX_MS) &&
    (allowed.has(nameless(request)) || granted.some((right) => allows(right, request)));
  const forbidden = requests.filter(({ isAllowed }) => isAllowed === false);
  return [...new Set(forbidden.filter((request) => !isOfEndingPod(request)).map(describeRight))].toSorted();
}

/** The rights that no request has used, sorted. */
export function unusedRights({ requests }: AuditLog, granted: readonly Right[]): readonly string[] {
  // Thousands of requests are a few hundred different ones.
  const different = [...new Map(requests.map((request) => [describeRight(request), request])).values()];
  const unused = granted.filter((right) => !different.some((request) => allows(right, request)));
  return [...new Set(unused.map(describeRight))].toSorted();
}

function nameless(request: AuditedRequest): string {
  return describeRight({ ...request, name: undefined });
}
