import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { CONTROLLER_LEASE, type Lease, rebuildMarkOf, storeIncarnationOf } from "../../core/api/lease.ts";
import type { VolumeSettings } from "../../core/attachment/observed-volume.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import {
  type GracePeriodVerdict,
  evaluateGracePeriod,
  type KnownNode,
} from "../../core/rollback/evaluate-grace-period.ts";
import { judgeStandingReports, reportOf } from "../../core/rollback/rollback-reports.ts";
import { silentAfterMs } from "../../core/writer/node-silence.ts";
import type { ObjectCache, ObjectChange } from "../../objects/cache/object-cache.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import { sleepUnlessAborted } from "../../ports/clock.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { requestRebuild } from "./rebuild-all-records.ts";

/** How often the nodes' heartbeats are checked, in milliseconds. Reads the cache alone. */
const LOOK_AGAIN_MS = 250;

/** A node without a risen counter for so many times `silentAfterMs` is silent, whatever else changes. */
const SILENT_AFTER_STALE = 3;

/** The dependencies of `StartupGracePeriod`. */
export interface GracePeriodPorts extends Pick<
  AdoptionPorts,
  "store" | "users" | "clock" | "logger" | "leaseHighWaterMark"
> {
  /** Includes every AzDriverNode: a node's rollback report counts on whichever VM it is. */
  readonly cache: ObjectCache;
  readonly settings: Pick<VolumeSettings, "heartbeatStaleMs">;
}

/**
 * Tracks which nodes have compared their checkpoints with the store since this process first read the
 * controllers' Lease. From then on the process has a high-water mark of its own (`LeaseHighWaterMark`);
 * an earlier rollback only the nodes can report, each by its heartbeat counter. Created once a process;
 * it also runs on a follower, so that a successor which has run for a while need not wait.
 */
export class StartupGracePeriod {
  readonly #ports: GracePeriodPorts;
  /** The highest heartbeat of each node whose counter was seen to rise. */
  readonly #reported = new Map<string, number>();
  /** Nodes whose first heartbeat came after this process read the Lease: they had nothing to compare. */
  readonly #newlyRegistered = new Set<string>();
  /** The store incarnation when this process first read the Lease. */
  #incarnationAtStart: number | undefined;
  /** When this process first read the Lease, on the clock's `elapsedMs`. */
  #sinceMs: number | undefined;
  #isOver = false;

  constructor(ports: GracePeriodPorts) {
    this.#ports = ports;
    const stop = ports.cache.onChange((change) => {
      if (this.#isOver) stop();
      else this.#observe(change);
    });
  }

  /**
   * Returns the store incarnation, if the records that were just read may be trusted; waits at most
   * `limitMs`. Fails with `StoreRolledBack` if it is still open by then whether the store was rolled back
   * before this process started, and as `readStoreIncarnation` does.
   */
  async trustedIncarnation(limitMs: number, signal: AbortSignal): Promise<Result<number>> {
    const { clock } = this.#ports;
    const endsMs = clock.elapsedMs() + limitMs;
    while (!this.#isOver) {
      const judged = await this.#judge(signal);
      if (!judged.ok) return judged;
      if (judged.value.kind === "trusts") this.#isOver = true;
      else if (clock.elapsedMs() >= endsMs)
        return fail({ kind: "StoreRolledBack", detail: describe(judged.value) });
      else await clock.sleep(LOOK_AGAIN_MS, signal);
    }
    return readStoreIncarnation(this.#ports, signal);
  }

  /**
   * Waits until the records may be trusted. Where no node is left that could report, requests a rebuild
   * of all records and calls `onRebuild`. `leading` writes as a leader does. Returns false if `signal`
   * was aborted first.
   */
  async untilTrusted(leading: AdoptionPorts, onRebuild: () => void, signal: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#ports;
    const startedAtMs = clock.elapsedMs();
    let lastLogged = "";
    while (!this.#isOver) {
      const judged = await this.#judge(signal);
      if (signal.aborted) return false;
      if (judged.ok && judged.value.kind === "trusts") {
        this.#isOver = true;
        break;
      }
      if (judged.ok && judged.value.kind === "rebuilds" && (await requestRebuild(leading, signal)).ok)
        onRebuild();
      const state = judged.ok ? JSON.stringify(judged.value) : judged.failure.kind;
      if (state !== lastLogged)
        logger.info("start-up grace period: waiting for node heartbeats", {
          because: judged.ok ? judged.value : judged.failure,
        });
      lastLogged = state;
      await sleepUnlessAborted(clock, LOOK_AGAIN_MS, signal);
      if (signal.aborted) return false;
    }
    if (lastLogged !== "")
      logger.info("start-up grace period over: records are trusted", {
        durationMs: clock.elapsedMs() - startedAtMs,
      });
    return true;
  }

  #observe({ kind, name, previous, current }: ObjectChange): void {
    // What was written before the Lease was read may predate a restored backup.
    if (kind !== "AzDriverNode" || this.#ports.leaseHighWaterMark.seen.counter === 0) return;
    if (current === undefined) this.#reported.delete(name);
    else if (previous?.status === undefined) this.#newlyRegistered.add(name);
    else if (beatOf(current) > beatOf(previous)) this.#reported.set(name, beatOf(current));
  }

  /** Reads the cache first; uncached reads confirm its verdict. */
  async #judge(signal: AbortSignal): Promise<Result<GracePeriodVerdict>> {
    const { cache, store, leaseHighWaterMark } = this.#ports;
    if (leaseHighWaterMark.seen.counter === 0) {
      const first = await store.get("Lease", CONTROLLER_LEASE, signal);
      // No controller has ever led here: there is no record that could have changed since.
      if (!first.ok) return first.failure.kind === "ObjectNotFound" ? ok({ kind: "trusts" }) : first;
      leaseHighWaterMark.saw(first.value);
    }
    this.#incarnationAtStart ??= leaseHighWaterMark.seen.incarnation;
    this.#sinceMs ??= this.#ports.clock.elapsedMs();
    const cachedIncarnation = storeIncarnationOf(cache.get("Lease", CONTROLLER_LEASE));
    const byCache = evaluateGracePeriod(
      this.#knownNodes(cache.list("AzDriverNode"), cache.get("Lease", CONTROLLER_LEASE)),
    );
    if (byCache.kind === "waits" && cachedIncarnation <= this.#incarnationAtStart) return ok(byCache);
    const lease = await store.get("Lease", CONTROLLER_LEASE, signal);
    if (!lease.ok) return lease;
    if (rebuildMarkOf(lease.value) > 0) return ok({ kind: "waits", awaited: [] });
    const incarnation = storeIncarnationOf(lease.value);
    // Every record has been rebuilt since this process first read the Lease.
    if (incarnation > this.#incarnationAtStart) return ok({ kind: "trusts" });
    const nodes = await store.list("AzDriverNode", {}, signal);
    return nodes.ok ? ok(evaluateGracePeriod(this.#knownNodes(nodes.value.items, lease.value))) : nodes;
  }

  /** A report that leads to no rebuild, since it waits for a second witness, is not waited for either. */
  #knownNodes(nodes: readonly AzDriverNode[], lease: Lease | undefined): readonly KnownNode[] {
    const { users, clock } = this.#ports;
    const incarnation = storeIncarnationOf(lease);
    const isLimited =
      lease !== undefined && judgeStandingReports(nodes, lease, clock.nowMs()).kind === "limited";
    return nodes
      .filter(({ metadata, status }) => status !== undefined && !users.cachedNode(metadata.name).isGone)
      .map((node) => ({
        nodeName: node.metadata.name,
        state: this.#stateOf(node),
        reportsRollback: !isLimited && reportOf(node, incarnation) !== undefined,
      }));
  }

  #stateOf(node: AzDriverNode): KnownNode["state"] {
    const { cache, settings } = this.#ports;
    const { name } = node.metadata;
    const limitMs = silentAfterMs(settings, node.status);
    if (this.#newlyRegistered.has(name)) return "new";
    const reported = this.#reported.get(name);
    // A counter below the one seen before was itself rolled back, and has not risen since.
    if (reported !== undefined && beatOf(node) >= reported) return "reported";
    if ((cache.watchedUnchangedMs("AzDriverNode", name) ?? 0) >= limitMs) return "silent";
    // Its object changes, but not its counter: no plug-in behaves so, and the controller does not wait
    // for it endlessly.
    const watchedMs = (cache.lastReportElapsedMs("AzDriverNode") ?? 0) - (this.#sinceMs ?? Infinity);
    return watchedMs >= SILENT_AFTER_STALE * limitMs ? "silent" : "awaited";
  }
}

function describe(verdict: GracePeriodVerdict): string {
  const awaited = verdict.kind === "waits" ? verdict.awaited.join(", ") : "";
  return `whether it did is unknown until every node has reported${awaited === "" ? "" : ` (${awaited})`}`;
}

function beatOf(node: AzDriverNode): number {
  return node.status?.heartbeat ?? 0;
}
