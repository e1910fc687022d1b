import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameNode, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { planProofs } from "../../core/writer/plan-proofs.ts";
import { ASK_AGAIN_MS } from "../../core/writer/recheck-pace.ts";
import { isNamed, nodesIn } from "../../core/writer/record/record-nodes.ts";
import { endFence } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { findAttachedVms } from "../adoption/find-attached-vms.ts";
import { recordAttachedVms } from "../adoption/record-attached-vms.ts";
import { recordFailedAttach } from "../adoption/record-failed-attach.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";
import { tryEach } from "../try-each.ts";
import { type NeededProof, clearProven, sendBarrier, clearMarkUnlessRebuilt } from "./record-proof.ts";

/**
 * Ends *unverified* for nodes that have nothing to verify themselves by, with proof that the disk is not
 * on their VM: an attach or detach that another controller was allowed may have landed since the record
 * was rebuilt. Detaches nothing; the node is in quarantine until it has shown that it is clean.
 */
export async function proveUnverified(
  ports: FencingPorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const record = ports.cache.get("AzVolume", volumeName)?.status?.record;
  if (record === undefined || nodesIn(record, "unverified").length === 0) return ok({});
  const observed = observeVolume(ports, volumeName);
  const nodes = observed === undefined ? [] : planProofs(observed);
  if (nodes.length === 0) return ok({});
  const incarnation = await readStoreIncarnation(ports, signal);
  // The proof would be refused. The end of the rebuild, or a rebuilt record, queues the volume here.
  if (!incarnation.ok) return incarnation.failure.kind === "StoreRolledBack" ? ok({}) : incarnation;
  if (record.storeIncarnation !== incarnation.value) return ok({});
  const { failed } = await tryEach(
    nodes,
    {
      // A fence that has begun is next, and needs this volume's turn.
      attempt: async (node) =>
        ports.cache.get("AzVolume", volumeName)?.status?.record?.fencing === undefined
          ? prove(ports, volumeName, node, signal)
          : ok({}),
      onFailure: ({ nodeName }, failure) =>
        ports.logger.info("unverified node not proven off the disk", { volumeName, nodeName, failure }),
      logger: ports.logger,
      atOnce: 1,
    },
    signal,
  );
  return failed === undefined ? ok({ requeueAfterMs: ASK_AGAIN_MS }) : fail(failed);
}

async function prove(
  ports: FencingPorts,
  volumeName: string,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Reconciled> {
  const needed: NeededProof = {
    node,
    mode: "prove",
    isNeeded: (record) => isNamed(record, node, "unverified") && !isNamed(record, node, "fencing"),
    clear: (record) => endFence(record, node),
    outcome: "unverified node without the disk",
  };
  return proveOff(ports, volumeName, needed, (volume) => recordPlace(ports, volume, node, signal), signal);
}

/**
 * Proves that a VM has no entry for a disk, with the VM's ETag moved, and changes the record by it.
 * Detaches nothing: where the VM lists the disk, `onListed` decides. Success, too, where the record no
 * longer needs the proof.
 */
export async function proveOff(
  ports: FencingPorts,
  volumeName: string,
  needed: NeededProof,
  onListed: (volume: AzVolume) => Promise<Reconciled>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { store, clock } = ports;
  const before = await store.get("AzVolume", volumeName, signal);
  if (!before.ok) return ignoreNotFound(before);
  const diskUri = before.value.status?.detail?.diskUri;
  if (diskUri === undefined || !needed.isNeeded(before.value.status?.record)) return ok({});
  const startedMs = clock.elapsedMs();
  const read = { volume: before.value, diskUri };
  const proof = await sendBarrier(ports, read, needed, signal);
  // Precondition failed: the node has shown what it does with the disk since, or the record is being
  // rebuilt.
  if (!proof.ok) return proof.failure.kind === "Refused" ? ok({}) : proof;
  if (proof.value === undefined) return onListed(before.value);
  // Requires the version from before the proof: a record that was rebuilt since may know of an attach.
  // Nothing is attached to a node that has not shown itself clean.
  return clearProven(ports, read, needed, { proof: proof.value, startedMs }, signal);
}

/**
 * The VM lists the disk: the node needs its place there to check it. The object with the place may have
 * been lost since the record was rebuilt. Where the disk does not name the VM, its attach has failed.
 */
async function recordPlace(
  ports: FencingPorts,
  volume: AzVolume,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Reconciled> {
  const detail = volume.status?.detail;
  if (detail === undefined) return ok({});
  const { diskUri } = detail;
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? ok({}) : disk;
  const diskOnNode = { ...disk.value, attachedTo: [node.instanceUri] };
  const attachedVms = await findAttachedVms(ports, diskOnNode, "failover", signal);
  if (!attachedVms.ok) return attachedVms;
  const entry = attachedVms.value.find((attachedVm) => isSameNode(attachedVm.node, node));
  if (entry === undefined) return ok({});
  const isAttached = disk.value.attachedTo.some((uri) => isSameResourceUri(uri, node.instanceUri));
  if (!isAttached) return recordFailedAttach(ports, volume, { diskUri, entry }, signal);
  const recorded = await recordAttachedVms(ports, volume, diskUri, [entry], signal);
  if (!recorded.ok || !isNamed(volume.status?.record, node, "unconfirmed")) return recorded;
  return clearMarkUnlessRebuilt(ports, volume, node, "unconfirmed", signal);
}
