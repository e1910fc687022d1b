import type { Lab } from "../../demo/lab/lab.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import type { ClusterNode } from "../../src/core/api/cluster-node.ts";
import { isTerminating } from "../../src/core/attachment/observed-volume.ts";
import { isVersionAtLeast } from "../../src/core/primitives/is-version-at-least.ts";
import { fromTimestamp } from "../../src/core/primitives/timestamp.ts";
import { createObjectCache, type ObjectChange } from "../../src/objects/cache/object-cache.ts";
import type { Kind, ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { isPrunedEarly, type RemovedReplica } from "./removed-replica.ts";

/**
 * Follows all attachments of a lab whose objects are all old enough, and judges the removals of replicas.
 */
export interface ReplicaWatch {
  /**
   * Violations: replicas younger than the pruning time, replicas pruned before their volume was unrequested
   * for that long, and a watch that missed changes, or did not where it had to.
   */
  violations(): readonly string[];
  /** The number of attached replicas seen. */
  readonly seen: { replicas: number };
  stop(): Promise<void>;
}

/** The parameters of the watch. */
export interface ReplicaWatchOptions {
  /** The lab's clock, in milliseconds. */
  readonly objectsBornAgedMs: number;
  /** The controller's `--prune-replicas-after-ms`. */
  readonly pruneAfterMs: number;
  /** The store is lost or rolled back: changes that its watches miss then are not judged. */
  readonly losesStore: boolean;
}

/** The states of an object, oldest first. */
type History<T> = Map<string, { readonly version: string; readonly object: T | undefined }[]>;

interface Removal {
  readonly replica: AzVolumeAttachment;
  readonly marked: AzVolumeAttachment["metadata"];
  readonly others: readonly AzVolumeAttachment[];
}

/** Starts the watch. */
export async function watchReplicas(
  lab: Lab,
  options: ReplicaWatchOptions,
  signal: AbortSignal,
): Promise<ReplicaWatch> {
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const kinds = ["AzVolume", "AzVolumeAttachment", "ClusterNode"] as const;
  const lists = countLists(lab.store);
  const cache = createObjectCache({
    store: lists.store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    kinds,
  });
  const volumes: History<AzVolume> = new Map();
  const nodes: History<ClusterNode> = new Map();
  const attachments = new Map<string, AzVolumeAttachment>();
  const removals: Removal[] = [];
  const young = new Set<string>();
  const seen = { replicas: 0 };

  function look({ name, previous, current }: Extract<ObjectChange, { kind: "AzVolumeAttachment" }>): void {
    if (current === undefined) attachments.delete(name);
    else attachments.set(name, current);
    const others = [...attachments.values()].filter(
      (other) => other.metadata.name !== name && other.spec.volumeName === previous?.spec.volumeName,
    );
    const wasReplica = previous !== undefined && isAttachedReplica(previous);
    if (current !== undefined && isAttachedReplica(current) && !wasReplica) {
      seen.replicas += 1;
      if (systemClock.nowMs() - fromTimestamp(current.metadata.creationTimestamp) <= options.pruneAfterMs)
        young.add(name);
    }
    if (
      wasReplica &&
      current !== undefined &&
      isTerminating(current) &&
      current.metadata.uid === previous.metadata.uid
    )
      removals.push({ replica: previous, marked: current.metadata, others });
  }

  cache.onChange((change) => {
    if (change.kind === "AzVolumeAttachment") look(change);
    else if (change.kind === "AzVolume") remember(volumes, change.name, change.current);
    else if (change.kind === "ClusterNode") remember(nodes, change.name, change.current);
  });
  const running = cache.run(until);
  await cache.untilSynced(until);

  function circumstancesOf({ replica, marked, others }: Removal): RemovedReplica {
    const { volumeName, nodeName } = replica.spec;
    return {
      replica,
      atMs: fromTimestamp(marked.deletionTimestamp ?? "") + options.objectsBornAgedMs,
      volume: stateAt(volumes, volumeName, marked.resourceVersion),
      others,
      isOutOfService: stateAt(nodes, nodeName, marked.resourceVersion)?.spec.outOfService === true,
    };
  }

  return {
    violations: () => [
      ...(options.losesStore
        ? []
        : lists.again().map((kind) => `the watch of ${kind} had to list again: it has missed changes`)),
      ...(options.losesStore && lists.again().length === 0
        ? ["no watch had to list again: the store was not lost"]
        : []),
      ...[...young].map((name) => `${name} is younger than ${options.pruneAfterMs} ms`),
      ...removals
        .map(circumstancesOf)
        .filter((removed) => isPrunedEarly(removed, options.pruneAfterMs))
        .map(({ replica, volume }) => `${replica.metadata.name} was pruned, though ${unrequested(volume)}`),
    ],
    seen,
    stop: async () => {
      ended.abort();
      await running;
    },
  };
}

/**
 * A broken watch is resumed where it was. A kind is listed again only if the store no longer has that
 * version.
 */
function countLists(store: ObjectStore): {
  readonly store: ObjectStore;
  readonly again: () => readonly Kind[];
} {
  const listed: Kind[] = [];
  return {
    store: {
      ...store,
      list: async (kind, selector, signal) => {
        const answer = await store.list(kind, selector, signal);
        if (answer.ok) listed.push(kind);
        return answer;
      },
    },
    again: () => listed.filter((kind, at) => listed.indexOf(kind) !== at),
  };
}

function isAttachedReplica(attachment: AzVolumeAttachment): boolean {
  return (
    attachment.spec.role === "Replica" &&
    attachment.status?.state === "Attached" &&
    !isTerminating(attachment)
  );
}

function remember<T extends AzVolume | ClusterNode>(
  history: History<T>,
  name: string,
  object: T | undefined,
): void {
  const states = history.get(name) ?? [];
  // A deleted object has no version: it counts as deleted right after its last state.
  states.push({ version: object?.metadata.resourceVersion ?? states.at(-1)?.version ?? "0", object });
  history.set(name, states);
}

/** The embedded store's versions of all kinds have one order, even after its file was lost. */
function stateAt<T>(history: History<T>, name: string, version: string): T | undefined {
  return history.get(name)?.findLast((state) => isVersionAtLeast(version, state.version))?.object;
}

function unrequested(volume: AzVolume | undefined): string {
  const since = volume?.status?.unrequestedSince;
  return since === undefined
    ? "its volume did not report that it is unrequested"
    : `its volume was unrequested only since ${since}`;
}
