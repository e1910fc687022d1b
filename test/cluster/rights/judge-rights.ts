import { ROLLOUT_MAX_MS } from "../../../testbed/lab/cluster/install-driver.ts";
import type { AuditedRequest, AuditLog } from "./audit-log.ts";
import { allows, describeRight, type Right } from "./right.ts";

/** How long a pod of an earlier install may take to end: the grace period of a node plug-in. */
const GRACE_MAX_MS = 60_000;
/** Pods of an earlier install end this long after their rights have changed, at the latest. */
const OUTLIVED_MAX_MS = ROLLOUT_MAX_MS + GRACE_MAX_MS;

/** No API server that runs answers none of the driver's processes for so long. */
const SILENT_MS = 1_000;
/** An API server that starts forbids all whose roles it has not read yet: for 0.1 s, or a few seconds. */
const START_MAX_MS = 10_000;

/**
 * The requests that the API server has forbidden, each once. Left out are those of pods that end while the
 * chart's rights change, and those to an API server that starts. Both only where the same request is allowed
 * at another time.
 */
export function forbiddenRequests(
  { requests, rightsChangedAtMs }: AuditLog,
  granted: readonly Right[],
): readonly string[] {
  const allowed = new Set(requests.filter(({ isAllowed }) => isAllowed === true).map(nameless));
  const startedAtMs = startsOf(requests);
  const isWithin = ({ atMs }: AuditedRequest, sinceMs: readonly number[], maxMs: number): boolean =>
    sinceMs.some((ms) => atMs >= ms && atMs - ms <= maxMs);
  const isPassing = (request: AuditedRequest): boolean =>
    (isWithin(request, rightsChangedAtMs, OUTLIVED_MAX_MS) || isWithin(request, startedAtMs, START_MAX_MS)) &&
    (allowed.has(nameless(request)) ||
      // A cache lists only where its watch is refused.
      (request.verb === "list" && allowed.has(nameless({ ...request, verb: "watch" }))) ||
      granted.some((right) => allows(right, request)));
  const forbidden = requests.filter(({ isAllowed }) => isAllowed === false);
  return [...new Set(forbidden.filter((request) => !isPassing(request)).map(describeRight))].toSorted();
}

/**
 * When an API server has started, in milliseconds since 1970: it answers after it has allowed nothing for
 * `SILENT_MS`. Its first answer may allow, since it reads roles and cluster roles one after the other.
 */
function startsOf(requests: readonly AuditedRequest[]): readonly number[] {
  const starts: number[] = [];
  let allowedAtMs = 0;
  for (const { isAllowed, atMs } of requests.toSorted((left, right) => left.atMs - right.atMs)) {
    if (atMs - allowedAtMs > SILENT_MS) starts.push(atMs);
    if (isAllowed === true) allowedAtMs = atMs;
  }
  return starts;
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
