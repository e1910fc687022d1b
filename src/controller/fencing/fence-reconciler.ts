import { failureEventText } from "../../core/events/failure-local-key.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { ok } from "../../core/failure/result.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { endFence } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { proveUnverified } from "./prove-off.ts";
import { type NeededProof, clearProven, sendBarrier } from "./record-proof.ts";

/**
 * *fence*, steps 2 to 4: continues any fence that the record shows as begun, by whichever controller.
 * Each pass proves it again, and clears the record only on the version read after the proof: a record
 * that has changed requires another pass. Without a fence it looks for proofs that need none.
 */
export function fenceReconciler(ports: FencingPorts): Reconciler {
  return {
    name: "fence",
    // As many as the disks of a zone: one update detaches those of a VM whose fences wait together.
    workers: 4096,
    backoff: { baseMs: 100, maxMs: 5_000 },
    reconcile: async (volumeName, signal) => {
      const fenced = await fence(ports, volumeName, signal);
      return fenced.ok ? proveUnverified(ports, volumeName, signal) : fenced;
    },
  };
}

async function fence(ports: FencingPorts, volumeName: string, signal: AbortSignal): Promise<Reconciled> {
  const { store, clock, events, leaseHighWaterMark } = ports;
  if (ports.cache.get("AzVolume", volumeName)?.status?.record?.fencing === undefined) return ok({});
  const before = await store.get("AzVolume", volumeName, signal);
  if (!before.ok) return ignoreNotFound(before);
  const record = before.value.status?.record;
  const diskUri = before.value.status?.detail?.diskUri;
  const node = record?.fencing;
  if (record === undefined || node === undefined || diskUri === undefined) return ok({});
  // It would be refused, after reads of the VM that the rebuild may need. A rebuilt record queues it again.
  if (record.storeIncarnation < leaseHighWaterMark.comingIncarnation) return ok({});
  const startedMs = clock.elapsedMs();

  const needed: NeededProof = {
    node,
    mode: "fence",
    isNeeded: (present) => isNamed(present, node, "fencing"),
    // While the fence stands this disk is not attached to the node.
    clear: (present) => endFence(present, node, record),
    outcome: "node fenced",
  };
  const proof = await sendBarrier(ports, { volume: before.value, diskUri }, needed, signal);
  if (!proof.ok) {
    // Refused: the fence may be over, or the store could not be read: the next pass sees which. Of an ETag
    // that does not move, an event of its own was emitted.
    if (proof.failure.kind === "Refused" || proof.failure.kind === "EtagNotMoved") return proof;
    events.emit({
      about: { kind: "AzVolume", name: volumeName },
      nodeName: node.nodeName,
      reason: "NoProof",
      ...failureEventText(
        `${node.nodeName} is not proven to be off the disk yet, ` +
          (isNamed(record, node, "preempted") ? "which refuses its writes" : "so no other node may write"),
        proof.failure,
      ),
    });
    return proof;
  }
  invariant(proof.value !== undefined, "the fence of a node ended without proof");
  const after = await store.get("AzVolume", volumeName, signal);
  if (!after.ok) return after;
  if (after.value.metadata.uid !== before.value.metadata.uid) return ok({});
  const read = { volume: after.value, diskUri };
  return clearProven(ports, read, needed, { proof: proof.value, startedMs }, signal);
}
