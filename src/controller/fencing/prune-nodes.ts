import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { silentAfterMs } from "../../core/writer/node-silence.ts";
import { isNamed, nodesIn } from "../../core/writer/record/record-nodes.ts";
import { prune } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { isNoLongerDue, updateRecord } from "../../objects/update-record.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { tryEach } from "../try-each.ts";
import { proveVmGone } from "./ask-if-gone.ts";

/** A VM that was fenced from a volume, as the record says. */
interface QuarantinedVm {
  readonly volumeName: string;
  readonly diskUri: string;
  readonly node: NodeIdentity;
  /** Another resource id at which that VM was reported since, if there is one. */
  readonly alsoAt: readonly string[];
}

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
    reconcile: (nodeName, signal) => pruneIfGone(ports, nodeName, signal),
  };
}

async function pruneIfGone(ports: FencingPorts, nodeName: string, signal: AbortSignal): Promise<Reconciled> {
  const { cache, users, clusterVolumes, settings } = ports;
  const driverNode = cache.get("AzDriverNode", nodeName);
  if (!users.cachedNode(nodeName).isGone) return pruneEarlier(ports, nodeName, driverNode, signal);
  // A running plug-in would recreate it: its Node was deleted by hand, and its kubelet registers it
  // again.
  const silentMs =
    driverNode === undefined ? Infinity : (cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? 0);
  const leftMs = silentAfterMs(settings, driverNode?.status) - silentMs;
  if (leftMs > 0) return ok({ requeueAfterMs: leftMs });
  // The record's entries have to be proven first, and the AzDriverNode names the VM they refer to.
  const isBusy = (): boolean =>
    cache
      .list("AzVolume")
      .some(({ status }) =>
        isNamed(status?.record, nodeName, "writer", "fencing", "unverified", "barrierPending"),
      );
  if (isBusy()) return ok({});
  const presence = await clusterVolumes.nodePresence(nodeName, signal);
  // A record may have come to name it while the cluster was asked.
  if (presence !== "gone" || isBusy()) return ok({});
  const quarantined = quarantinedAs(ports, nodeName, driverNode);
  if (quarantined.length > 0) return pruneGone(ports, quarantined, signal);
  // Without its AzDriverNode nothing shows which VM it was.
  const pruned = await pruneCleanOf(ports, nodeName, signal);
  if (!pruned.ok) return pruned;
  return driverNode === undefined ? ok({}) : deleteDriverNode(ports, driverNode, signal);
}

/** Of the VMs that had the name before: entries of the VM that has it now do not concern them. */
async function pruneEarlier(
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
  const pruned = await pruneGone(ports, earlier, signal);
  return pruned.ok ? ok({ requeueAfterMs: KEPT_AGAIN_MS, ...pruned.value }) : pruned;
}

async function deleteDriverNode(
  { store, logger }: FencingPorts,
  { metadata, status }: AzDriverNode,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name: nodeName, uid, resourceVersion } = metadata;
  const deleted = await store.delete("AzDriverNode", nodeName, { uid, resourceVersion }, signal);
  if (!deleted.ok) return ignoreNotFound(deleted);
  logger.info("node pruned: the cluster has no Node of that name", { nodeName, vmId: status?.vmId });
  return ok({});
}

function quarantinedAs(
  ports: FencingPorts,
  nodeName: string,
  driverNode: AzDriverNode | undefined,
): readonly QuarantinedVm[] {
  const reported = driverNode?.status;
  return ports.cache.list("AzVolume").flatMap(({ metadata, status }) => {
    const diskUri = status?.detail?.diskUri;
    if (diskUri === undefined) return [];
    return nodesIn(status?.record, "quarantined")
      .filter((node) => node.nodeName === nodeName)
      .map((node) => ({
        volumeName: metadata.name,
        diskUri,
        node,
        alsoAt: reported !== undefined && hasMoved(node, reported) ? [reported.instanceUri] : [],
      }));
  });
}

/** Whether the same VM was reported at another resource id. */
function hasMoved(node: NodeIdentity, reported: Pick<NodeIdentity, "vmId" | "instanceUri">): boolean {
  return isSameVmId(node.vmId, reported.vmId) && !isSameResourceUri(node.instanceUri, reported.instanceUri);
}

/** Takes VMs proven to be gone out of quarantine: as nodes come and go, records would grow for ever. */
async function pruneGone(
  ports: FencingPorts,
  quarantined: readonly QuarantinedVm[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const { done, failed } = await tryEach(
    quarantined,
    {
      attempt: async (vm) => {
        const gone = await proveVmGone(ports, vm, vm.alsoAt, signal);
        const cleared = gone.ok && gone.value ? await pruneQuarantined(ports, vm, signal) : gone;
        if (cleared.ok && cleared.value)
          ports.logger.info("VM pruned: it no longer exists", { ...vm.node, volumeName: vm.volumeName });
        // Where an early retry is of no use, the next resync retries.
        const isFinal =
          !cleared.ok && !isRetryable(cleared.failure) && cleared.failure.kind !== "ObjectInvalid";
        return isFinal ? ok(false) : cleared;
      },
      onFailure: ({ volumeName, node }, failure) =>
        ports.logger.info("quarantined VM not pruned", { ...node, volumeName, failure }),
      logger: ports.logger,
    },
    signal,
  );
  const count = done.filter(Boolean).length;
  if (failed !== undefined) return fail(failed);
  return ok(count === 0 ? {} : { requeueAfterMs: LOOK_AGAIN_MS });
}

/**
 * Whether the VM has left the record: only if its quarantine is all that this says of it. A fence has
 * reset its attachment, which may be that of the next VM of its name by now.
 */
async function pruneQuarantined(
  ports: FencingPorts,
  { volumeName, node }: QuarantinedVm,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const updated = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "end-fence" },
    (record) => prune(record, node, "quarantined"),
    signal,
  );
  return updated.ok || isNoLongerDue(updated.failure) ? ok(updated.ok) : updated;
}

/** Only a node's own report: no proof is required, and other processes may be first. */
async function pruneCleanOf(
  ports: FencingPorts,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const entries = ports.cache.list("AzVolume").flatMap(({ metadata, status }) =>
    nodesIn(status?.record, "clean")
      .filter((node) => node.nodeName === nodeName)
      .map((node) => ({ volumeName: metadata.name, node })),
  );
  for (const { volumeName, node } of entries) {
    const updated = await updateRecord(
      ports,
      { volumeName, nodeName, step: "end-fence" },
      (record) => prune(record, node, "clean"),
      signal,
    );
    if (!updated.ok && !isNoLongerDue(updated.failure)) return updated;
  }
  return ok(undefined);
}
