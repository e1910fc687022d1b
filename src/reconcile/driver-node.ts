import type { AzDriverNode } from "../core/model/az-driver-node.ts";
import { ok } from "../core/result.ts";
import type { Reconciled, Reconciler } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";

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
  // What a record names has to be proven first, and the AzDriverNode tells of which VM it speaks. The change of that record brings the next look.
  if (isNamedInRecords(ports, driverNode)) return ok({});
  const presence = await clusterVolumes.nodePresence(nodeName, signal);
  if (presence !== "gone") return ok({});
  const { uid, resourceVersion } = driverNode.metadata;
  const deleted = await store.delete("AzDriverNode", nodeName, { uid, resourceVersion }, signal);
  if (!deleted.ok) return deleted.failure.kind === "ObjectNotFound" ? ok({}) : deleted;
  logger.info("node forgotten: the cluster has none of that name any more", { nodeName, vmId: driverNode.status?.vmId });
  return ok({});
}

/** Not the nodes that have said clean: that they have holds without them. */
function isNamedInRecords({ cache }: ControllerPorts, { metadata: { name } }: AzDriverNode): boolean {
  return cache.list("AzVolume").some(({ status }) => {
    const record = status?.record;
    if (record === undefined) return false;
    return [record.writer, record.fencing, ...record.unproven, ...record.quarantine].some((node) => node?.nodeName === name);
  });
}
