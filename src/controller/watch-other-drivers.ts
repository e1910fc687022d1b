import { CONTROLLER_LEASE } from "../core/api/lease.ts";
import { ok, type Result } from "../core/failure/result.ts";
import {
  type NodePlugin,
  otherController,
  otherNodePlugin,
  seeLease,
  type SeenLease,
} from "../core/writer/judge-other-drivers.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/cluster/events.ts";
import type { Logger } from "../ports/logger.ts";
import type { Reconciler } from "../runtime/queue/control-loop.ts";

/** How often to check, in milliseconds: a read of one Lease. A sidecar renews its Lease every 5 s. */
const LOOK_EVERY_MS = 15_000;

/** The facts by which a controller detects another Azure disk driver in the cluster. */
export interface OtherDriverFacts {
  /** `<namespace>/<name>` of this driver's own DaemonSets; undefined: not known, and pods prove nothing. */
  readonly daemonSets: readonly string[] | undefined;
  /** Pods that serve an Azure disk driver on their node, from a cache. */
  readonly nodePlugins: () => readonly NodePlugin[];
  /** `<namespace>/<name>` of a Lease that only another driver's sidecar holds. */
  readonly leaseName: string;
  /** Reads that Lease uncached; undefined: there is none. Fails with `StoreUnavailable` or `Cancelled`. */
  readonly readLease: (
    signal: AbortSignal,
  ) => Promise<Result<{ readonly holder: string; readonly version: string } | undefined>>;
}

/** Looks for another Azure disk driver in the cluster; every caller that would change a VM calls `why`. */
export function watchOtherDrivers(
  facts: OtherDriverFacts,
  ports: { readonly clock: Clock; readonly events: Events; readonly logger: Logger },
): { readonly why: () => string | undefined; readonly reconciler: Reconciler } {
  const { daemonSets, nodePlugins, leaseName, readLease } = facts;
  const { clock, events, logger } = ports;
  let seen: SeenLease | undefined;
  let reported: string | undefined;

  const why = (): string | undefined =>
    (daemonSets === undefined ? undefined : otherNodePlugin(daemonSets, nodePlugins())) ??
    otherController(leaseName, seen, clock.elapsedMs());

  return {
    why,
    reconciler: {
      name: "other-driver",
      workers: 1,
      backoff: { baseMs: LOOK_EVERY_MS, maxMs: 4 * LOOK_EVERY_MS },
      reconcile: async (_key, signal) => {
        const read = await readLease(signal);
        if (read.ok) seen = seeLease(seen, read.value, clock.elapsedMs());
        const before = reported;
        reported = why();
        if (reported !== undefined)
          events.emit({
            about: { kind: "Lease", name: CONTROLLER_LEASE },
            reason: "OtherDriver",
            message: `nothing is attached or detached: ${reported}`,
          });
        else if (before !== undefined) logger.info("the other Azure disk driver is gone", {});
        return read.ok ? ok({ requeueAfterMs: LOOK_EVERY_MS }) : read;
      },
    },
  };
}
