import type { Failure } from "../core/failure.ts";
import { isRetryable } from "../core/is-retryable.ts";
import type { AzDriverNode } from "../core/model/az-driver-node.ts";
import type { WriterRecord } from "../core/model/az-volume.ts";
import { isSameNode } from "../core/model/node-identity.ts";
import { forget, type Step, withdrawClean } from "../core/plan/writer-steps.ts";
import { ok, type Result } from "../core/result.ts";
import type { Reconciled, Reconciler } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { moveRecord } from "./move-record.ts";

/** From a change of records until they are looked at again, in milliseconds: the cache has seen it by then. */
const LOOK_AGAIN_MS = 1_000;

/** Deletes AzDriverNodes whose node is gone from the cluster for good: nobody will renew their heartbeat, and their slots would be counted on. */
export function driverNodeReconciler(ports: ControllerPorts): Reconciler {
  return {
    name: "driver-node",
    workers: 4,
    backoff: { baseMs: 1_000, maxMs: 60_000 },
    reconcile: (nodeName, signal) => deleteIfGone(ports, nodeName, signal),
  };
}

async function deleteIfGone(ports: ControllerPorts, nodeName: string, signal: AbortSignal): Promise<Reconciled> {
  const { cache, users, clusterVolumes, store, settings, logger } = ports;
  const driverNode = cache.get("AzDriverNode", nodeName);
  if (driverNode === undefined || !users.cachedNode(nodeName).isGone) return ok({});
  // A plug-in that still beats would only make it anew: its Node was deleted by hand, and its kubelet makes it again.
  const silentMs = cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? 0;
  if (silentMs < settings.heartbeatStaleMs) return ok({ againAfterMs: settings.heartbeatStaleMs - silentMs });
  // What a record says of it has to be proven first, and the AzDriverNode tells of which VM it speaks.
  const isBusy = ({ writer, fencing, unproven }: WriterRecord): boolean => [writer, fencing, ...unproven].some((node) => node?.nodeName === nodeName);
  if (recordsWhere(ports, isBusy).length > 0) return ok({});
  const presence = await clusterVolumes.nodePresence(nodeName, signal);
  if (presence !== "gone") return ok({});
  const quarantined = recordsWhere(ports, ({ quarantine }) => quarantine.some((node) => node.nodeName === nodeName));
  if (quarantined.length > 0) return forgetIfVanished(ports, driverNode, quarantined, signal);
  // Nobody remembers which VM it was, once its AzDriverNode is gone.
  const clean = recordsWhere(ports, (record) => record.clean.some((node) => node.nodeName === nodeName));
  const withdrawn = await moveRecords(ports, nodeName, clean, (record) => withdrawClean(record, nodeName), signal);
  if (!withdrawn.ok) return withdrawn;
  const { uid, resourceVersion } = driverNode.metadata;
  const deleted = await store.delete("AzDriverNode", nodeName, { uid, resourceVersion }, signal);
  if (!deleted.ok) return deleted.failure.kind === "ObjectNotFound" ? ok({}) : deleted;
  logger.info("node forgotten: the cluster has none of that name any more", { nodeName, vmId: driverNode.status?.vmId });
  return ok({});
}

/**
 * Takes a VM that exists no more out of quarantine: where nodes come and go under new names, records would grow for ever. Only a VM of which its plug-in has said where it is:
 * looked for by the node's name alone, it might be in another resource group.
 */
async function forgetIfVanished(ports: ControllerPorts, driverNode: AzDriverNode, volumeNames: readonly string[], signal: AbortSignal): Promise<Reconciled> {
  const { nodeName } = driverNode.spec;
  const { vmId, instanceUri } = driverNode.status ?? {};
  if (vmId === undefined || instanceUri === undefined) return ok({});
  const node = { nodeName, vmId };
  const instance = await ports.cloud.inspectInstance({ nodeName, instanceUri }, signal);
  if (instance.ok && isSameNode(instance.value, node)) return ok({});
  // Nobody can tell: where asking again soon is of no use, the next look at everything does.
  if (!instance.ok && instance.failure.kind !== "InstanceNotFound") return isRetryable(instance.failure) ? instance : ok({});
  const moved = await moveRecords(ports, nodeName, volumeNames, (record) => forget(record, node), signal);
  if (!moved.ok) return moved;
  if (moved.value === 0) return ok({});
  ports.logger.info("VM forgotten: it exists no more", { nodeName, vmId, instanceUri, volumes: moved.value });
  return ok({ againAfterMs: LOOK_AGAIN_MS });
}

/** Answers how many of the records moved: others had moved on, or were gone. */
async function moveRecords(
  ports: ControllerPorts,
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

/** Names of the volumes of whose records that is so, by the cache. */
function recordsWhere({ cache }: ControllerPorts, isSo: (record: WriterRecord) => boolean): readonly string[] {
  return cache
    .list("AzVolume")
    .filter(({ status }) => status?.record !== undefined && isSo(status.record))
    .map(({ metadata }) => metadata.name);
}
