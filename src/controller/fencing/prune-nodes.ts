import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isNamed, nodesIn } from "../../core/writer/record-nodes.ts";
import { forget, type Step, withdrawClean } from "../../core/writer/writer-steps.ts";
import { moveRecord } from "../../objects/update-record.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";

/** From a change of records until they are examined again, in milliseconds: the cache shows it by then. */
const LOOK_AGAIN_MS = 1_000;

/**
 * How soon Azure is asked again about a VM in quarantine that exists though another one has its node's
 * name, in milliseconds: a person may keep it for long, and nothing waits for its end.
 */
const KEPT_AGAIN_MS = 600_000;

/**
 * Prunes nodes that are gone from the cluster for good, with or without an AzDriverNode: no plug-in will
 * renew their heartbeat or show that they are clean. Otherwise their slots would be counted on, and
 * records would grow for ever. Also prunes VMs that are gone whose node's name another VM has.
 */
export function driverNodeReconciler(ports: FencingPorts): Reconciler {
  return {
    name: "driver-node",
    workers: 4,
    backoff: { baseMs: 1_000, maxMs: 60_000 },
    reconcile: (nodeName, signal) => forgetIfGone(ports, nodeName, signal),
  };
}

async function forgetIfGone(ports: FencingPorts, nodeName: string, signal: AbortSignal): Promise<Reconciled> {
  const { cache, users, clusterVolumes, settings } = ports;
  const driverNode = cache.get("AzDriverNode", nodeName);
  if (!users.cachedNode(nodeName).isGone) return forgetEarlier(ports, nodeName, driverNode, signal);
  // A running plug-in would recreate it: its Node was deleted by hand, and its kubelet registers it
  // again.
  const silentMs =
    driverNode === undefined ? Infinity : (cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? 0);
  if (silentMs < settings.heartbeatStaleMs) return ok({ againAfterMs: settings.heartbeatStaleMs - silentMs });
  // The record's entries have to be proven first, and the AzDriverNode names the VM they refer to.
  const isBusy = (record: WriterRecord): boolean =>
    isNamed(record, nodeName, "writer", "fencing", "unverified", "barrierPending");
  if (recordsWhere(ports, isBusy).length > 0) return ok({});
  const presence = await clusterVolumes.nodePresence(nodeName, signal);
  // A record may have come to name it while the cluster was asked.
  if (presence !== "gone" || recordsWhere(ports, isBusy).length > 0) return ok({});
  const [cutOff, ...others] = quarantinedAs(ports, nodeName, driverNode);
  if (cutOff !== undefined) return forgetVanished(ports, [cutOff, ...others], signal);
  // Without its AzDriverNode nothing shows which VM it was.
  const clean = recordsWhere(ports, (record) => isNamed(record, nodeName, "clean"));
  const withdrawn = await moveRecords(
    ports,
    nodeName,
    clean,
    (record) => withdrawClean(record, nodeName),
    signal,
  );
  if (!withdrawn.ok) return withdrawn;
  return driverNode === undefined ? ok({}) : deleteDriverNode(ports, driverNode, signal);
}

/** Of the VMs that had the name before: entries of the VM that has it now do not concern them. */
async function forgetEarlier(
  ports: FencingPorts,
  nodeName: string,
  driverNode: AzDriverNode | undefined,
  signal: AbortSignal,
): Promise<Reconciled> {
  const vmId = driverNode?.status?.vmId;
  if (vmId === undefined) return ok({});
  const earlier = quarantinedAs(ports, nodeName, driverNode).filter(
    ({ node }) => !isSameVmId(node.vmId, vmId),
  );
  if (earlier.length === 0) return ok({});
  const forgotten = await forgetVanished(ports, earlier, signal);
  return forgotten.ok ? ok({ againAfterMs: KEPT_AGAIN_MS, ...forgotten.value }) : forgotten;
}

async function deleteDriverNode(
  { store, logger }: FencingPorts,
  { metadata, status }: AzDriverNode,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name: nodeName, uid, resourceVersion } = metadata;
  const deleted = await store.delete("AzDriverNode", nodeName, { uid, resourceVersion }, signal);
  if (!deleted.ok) return deleted.failure.kind === "ObjectNotFound" ? ok({}) : deleted;
  logger.info("node pruned: the cluster has no Node of that name", { nodeName, vmId: status?.vmId });
  return ok({});
}

/** A quarantine entry: a VM that was fenced from a volume. */
interface CutOff {
  readonly volumeName: string;
  readonly diskUri: string;
  readonly node: NodeIdentity;
  /**
   * Every identity under which that VM was ever reported: its resource id may have changed since the
   * entry was made.
   */
  readonly reported: readonly NodeIdentity[];
}

/** The quarantine entries under a node's name. */
function quarantinedAs(
  ports: FencingPorts,
  nodeName: string,
  driverNode: AzDriverNode | undefined,
): readonly CutOff[] {
  const told = driverNode?.status;
  return ports.cache.list("AzVolume").flatMap(({ metadata, status }) => {
    const diskUri = status?.detail?.diskUri;
    if (diskUri === undefined) return [];
    return nodesIn(status?.record, "quarantined")
      .filter((node) => node.nodeName === nodeName)
      .map((node) => ({
        volumeName: metadata.name,
        diskUri,
        node,
        reported:
          told !== undefined && hasMoved(node, told)
            ? [node, { ...node, instanceUri: told.instanceUri }]
            : [node],
      }));
  });
}

/** Whether the same VM was reported at another resource id. */
function hasMoved(node: NodeIdentity, told: Pick<NodeIdentity, "vmId" | "instanceUri">): boolean {
  return isSameVmId(node.vmId, told.vmId) && !isSameResourceUri(node.instanceUri, told.instanceUri);
}

/**
 * Takes VMs that are proven to be gone out of quarantine: where nodes come and go under new names,
 * records would grow for ever.
 */
async function forgetVanished(
  ports: FencingPorts,
  cutOff: readonly CutOff[],
  signal: AbortSignal,
): Promise<Reconciled> {
  let count = 0;
  for (const { volumeName, diskUri, node, reported } of cutOff) {
    const vanished = await haveVanished(ports, diskUri, reported, signal);
    if (!vanished.ok) return vanished;
    if (!vanished.value) continue;
    const moved = await moveRecords(
      ports,
      node.nodeName,
      [volumeName],
      (record) => forget(record, node),
      signal,
    );
    if (!moved.ok) return moved;
    if (moved.value > 0) ports.logger.info("VM pruned: it no longer exists", { ...node, volumeName });
    count += moved.value;
  }
  return ok(count === 0 ? {} : { againAfterMs: LOOK_AGAIN_MS });
}

async function haveVanished(
  ports: FencingPorts,
  diskUri: string,
  reported: readonly NodeIdentity[],
  signal: AbortSignal,
): Promise<Result<boolean, Failure>> {
  for (const node of reported) {
    const proof = await ports.cloud.proveVanished({ diskUri, node }, signal);
    // Where a soon retry is of no use, the next resync retries.
    if (!proof.ok) return isRetryable(proof.failure) ? proof : ok(false);
    if (proof.value === undefined) return ok(false);
  }
  return ok(true);
}

/** Returns how many of the records changed: the others had changed before, or were gone. */
async function moveRecords(
  ports: FencingPorts,
  nodeName: string,
  volumeNames: readonly string[],
  move: (record: WriterRecord) => Step,
  signal: AbortSignal,
): Promise<Result<number, Failure>> {
  let count = 0;
  for (const volumeName of volumeNames) {
    const moved = await moveRecord(ports, { volumeName, nodeName, step: "fence-clear" }, move, signal);
    if (moved.ok) count += 1;
    else if (moved.failure.kind !== "NotWriter" && moved.failure.kind !== "ObjectNotFound") return moved;
  }
  return ok(count);
}

/** Names of the volumes whose cached records match. */
function recordsWhere(ports: FencingPorts, isSo: (record: WriterRecord) => boolean): readonly string[] {
  return recordsOf(ports)
    .filter(({ record }) => isSo(record))
    .map(({ volumeName }) => volumeName);
}

/** All cached records. */
function recordsOf({
  cache,
}: FencingPorts): readonly { readonly volumeName: string; readonly record: WriterRecord }[] {
  return cache
    .list("AzVolume")
    .flatMap(({ metadata, status }) =>
      status?.record === undefined ? [] : [{ volumeName: metadata.name, record: status.record }],
    );
}
