import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { fromTimestamp } from "../../core/primitives/timestamp.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import type { ApiClient } from "./api/api-client.ts";
import { listPages } from "./api/list-pages.ts";
import type { PersistentVolumeClaim } from "./core/core-claim.ts";
import { claimsIn, coreResources, readCoreObject } from "./core/core-object-calls.ts";
import { namedDiskOf, type PersistentVolume } from "./core/core-persistent-volume.ts";
import { hasNeverRun, isFinished, type Pod, volumesOf } from "./core/core-pod.ts";

/** How many claims are looked up at a time. */
const LOOKUPS_MAX = 8;

/** A pod on the node that has not ended. */
interface ListedPod {
  readonly name: string;
  readonly isTerminating: boolean;
  readonly hasNeverRun: boolean;
  readonly claims: readonly string[];
  readonly diskKeys: readonly string[];
  /** When the kubelet started it, at the latest, in milliseconds since 1970; undefined: it has not. */
  readonly startedMs: number | undefined;
}

/** A pod on a node that has not ended, and what it uses. */
interface BoundPod extends Omit<ListedPod, "claims" | "startedMs"> {
  readonly claimed: readonly { readonly claim: string; readonly disk: ClaimedDisk }[];
}

/** Reads the pods bound to a node, past every cache, after the call. */
export type ReadBoundPods = (nodeName: string, signal: AbortSignal) => Promise<Result<readonly BoundPod[]>>;

/** What a pod's claim leads to. */
type ClaimedDisk =
  | { readonly kind: "disk"; readonly volumeId: string }
  | { readonly kind: "noDisk" }
  | { readonly kind: "unbound" }
  | Doubt;
type Doubt = { readonly kind: "doubt"; readonly because: string };

interface FindUsersOptions {
  readonly readPods: ReadBoundPods;
  /**
   * Claims (`<namespace>/<name>`) that the disk's PersistentVolumes were ever bound to; undefined: the
   * disk has none, or they are not known.
   */
  readonly claimsOf: (volumeId: string) => ReadonlySet<string> | undefined;
}

/**
 * The users of a volume on a node, read past every cache: the pods bound to the node, their claims, the
 * PersistentVolumes of these. A pod marked for deletion counts while it exists. A claim that is gone,
 * or was recreated under a running pod, may have had this disk: its PersistentVolume still shows that;
 * if that is gone, too, the answer is unknown.
 */
export async function findUsersNow(
  { readPods, claimsOf }: FindUsersOptions,
  { nodeName, volumeId }: { readonly nodeName: string; readonly volumeId: string },
  signal: AbortSignal,
): Promise<VolumeUse> {
  const read = await readPods(nodeName, signal);
  if (!read.ok) return unknown(read.failure);
  const pods = read.value;
  const claims = claimsOf(volumeId);
  const users = pods.filter(
    ({ diskKeys, claimed }) =>
      diskKeys.includes(resourceUriKey(volumeId)) ||
      claimed.some(({ claim, disk }) =>
        disk.kind === "doubt"
          ? claims?.has(claim) === true
          : disk.kind === "disk" && isSameResourceUri(disk.volumeId, volumeId),
      ),
  );
  const doubts = pods.flatMap(({ claimed }) =>
    claimed.flatMap(({ disk }) => (disk.kind === "doubt" ? disk.because : [])),
  );
  const because = claims === undefined ? doubts.toSorted()[0] : undefined;
  if (users.length > 0) return usedBy(users, { isCertain: because === undefined });
  return because === undefined ? { kind: "unused" } : { kind: "unknown", because };
}

/** For another pod it may be unknown whether it uses the volume, and that one may run. */
function usedBy(pods: readonly BoundPod[], { isCertain }: { readonly isCertain: boolean }): VolumeUse {
  const areWaiting = isCertain && pods.every((pod) => pod.hasNeverRun);
  return { kind: "used", users: pods.map(describePod).toSorted(), ...(areWaiting ? { areWaiting } : {}) };
}

export function describePod({
  name,
  isTerminating,
}: {
  readonly name: string;
  readonly isTerminating: boolean;
}): string {
  return isTerminating ? `pod ${name} (being deleted)` : `pod ${name}`;
}

function unknown(failure: Failure): VolumeUse {
  return { kind: "unknown", because: failure.kind === "StoreUnavailable" ? failure.detail : failure.kind };
}

interface ReadPodsOptions {
  readonly client: ApiClient;
  readonly driverName: string;
}

/**
 * The pods bound to a node that have not ended, and the disks that their claims lead to. Needs the verbs list
 * on `pods` and get on `persistentvolumeclaims` and `persistentvolumes`, in the whole cluster.
 */
export async function readBoundPods(
  options: ReadPodsOptions,
  nodeName: string,
  signal: AbortSignal,
): ReturnType<ReadBoundPods> {
  const listed = await listPods(options.client, nodeName, signal);
  if (!listed.ok) return listed;
  const lookups = listed.value.flatMap((pod) => pod.claims.map((claim) => ({ pod, claim })));
  const claimed = new Map<ListedPod, BoundPod["claimed"]>();
  for (let first = 0; first < lookups.length; first += LOOKUPS_MAX) {
    const batch = lookups.slice(first, first + LOOKUPS_MAX);
    const found = await Promise.all(
      batch.map(async ({ pod, claim }) => ({
        pod,
        claim,
        disk: await resolveClaim(options, pod, claim, signal),
      })),
    );
    for (const { pod, claim, disk } of found) {
      if (!disk.ok) return disk;
      claimed.set(pod, [...(claimed.get(pod) ?? []), { claim, disk: disk.value }]);
    }
  }
  return ok(listed.value.map((pod) => ({ ...pod, claimed: claimed.get(pod) ?? [] })));
}

/** Without a resource version the API server answers with the latest state. */
async function listPods(
  client: ApiClient,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<readonly ListedPod[]>> {
  const request = { path: "/api/v1/pods", query: { fieldSelector: `spec.nodeName=${nodeName}` } };
  const listed = await listPages(client, request, (item) => readListedPod(item as Pod), signal);
  return listed.ok ? ok(listed.value.items.flatMap((pod) => pod ?? [])) : listed;
}

function readListedPod(pod: Pod): ListedPod | undefined {
  if (isFinished(pod)) return undefined;
  return {
    name: `${pod.metadata.namespace}/${pod.metadata.name}`,
    isTerminating: pod.metadata.deletionTimestamp !== undefined,
    hasNeverRun: hasNeverRun(pod),
    ...volumesOf(pod),
    startedMs: startedMs(pod),
  };
}

/**
 * The kubelet's clock may be ahead of the API server's, which dates the claims, and the binding to the node:
 * that came before.
 */
function startedMs({ status }: Pod): number | undefined {
  if (status?.startTime === undefined) return undefined;
  const bound = status.conditions?.find(({ type }) => type === "PodScheduled")?.lastTransitionTime;
  return Math.min(fromTimestamp(status.startTime), fromTimestamp(bound ?? status.startTime));
}

async function resolveClaim(
  options: ReadPodsOptions,
  pod: ListedPod,
  claimKey: string,
  signal: AbortSignal,
): Promise<Result<ClaimedDisk>> {
  const { client, driverName } = options;
  const [namespace = "", claimName = ""] = claimKey.split("/");
  const claim = await readCoreObject<PersistentVolumeClaim>(client, claimsIn(namespace), claimName, signal);
  if (!claim.ok) return claim;
  if (claim.value === undefined)
    return ok(doubt(`pod ${pod.name} names claim ${claimKey}, which does not exist, so its disk is unknown`));
  const { metadata, spec } = claim.value;
  if (isYounger(metadata.creationTimestamp, pod.startedMs))
    return ok(
      doubt(
        `claim ${claimKey} is younger than pod ${pod.name}, which uses it: it was recreated, and the ` +
          "pod's disk is unknown",
      ),
    );
  const volumeName = spec?.volumeName ?? "";
  if (volumeName === "") return ok({ kind: "unbound" });
  const volume = await readCoreObject<PersistentVolume>(
    client,
    coreResources.persistentVolumes,
    volumeName,
    signal,
  );
  if (!volume.ok) return volume;
  if (volume.value === undefined)
    return ok(
      doubt(
        `claim ${claimKey} of pod ${pod.name} names PersistentVolume ${volumeName}, which does not exist`,
      ),
    );
  const boundTo = volume.value.spec.claimRef?.uid;
  // Bound, they name each other. A PersistentVolume recreated under the name may have another disk.
  if (boundTo !== undefined && boundTo !== metadata.uid)
    return ok(
      doubt(
        `claim ${claimKey} of pod ${pod.name} names PersistentVolume ${volumeName}, which belongs to ` +
          "another claim",
      ),
    );
  const volumeId = namedDiskOf(volume.value.spec, driverName)?.volumeId;
  return ok(volumeId === undefined ? { kind: "noDisk" } : { kind: "disk", volumeId });
}

/**
 * Pods are bound to a node once their claims are bound. A pod that an administrator bound there by name
 * may wait for its claim: that is why doubts are resolved by a read.
 */
function isYounger(createdAt: string | undefined, startedMs: number | undefined): boolean {
  return createdAt !== undefined && startedMs !== undefined && fromTimestamp(createdAt) > startedMs;
}

function doubt(because: string): Doubt {
  return { kind: "doubt", because };
}
