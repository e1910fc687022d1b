import { describeFailure } from "../core/describe-failure.ts";
import { failureNews } from "../core/events/failure-news.ts";
import { isFencing } from "../core/plan/writer-steps.ts";
import { fenceClear } from "../core/plan/writer-steps.ts";
import { ok } from "../core/result.ts";
import type { Reconciled, Reconciler } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { forgetAttach } from "./forget-attach.ts";
import { moveRecord } from "./move-record.ts";
import { proveDetached } from "./prove-detached.ts";
import { isTrusted } from "./store-generation.ts";

/**
 * *fence*, steps 2 to 4: carries on wherever the record says that a fence was begun, by whichever controller. The proof is taken anew in each pass,
 * and the record is cleared only on the version read after it: a record that moved meanwhile asks for another pass. Where nobody is being cut off, it looks for proofs
 * that need no fence.
 */
export function fenceReconciler(ports: ControllerPorts): Reconciler {
  return {
    name: "fence",
    workers: 64,
    backoff: { baseMs: 100, maxMs: 5_000 },
    reconcile: async (volumeName, signal) => {
      const fenced = await fence(ports, volumeName, signal);
      return fenced.ok ? proveDetached(ports, volumeName, signal) : fenced;
    },
  };
}

async function fence(ports: ControllerPorts, volumeName: string, signal: AbortSignal): Promise<Reconciled> {
  const { store, cloud, steps, clock, logger, events } = ports;
  if (ports.cache.get("AzVolume", volumeName)?.status?.record?.fencing === undefined) return ok({});
  const began = await store.get("AzVolume", volumeName, signal);
  if (!began.ok) return began.failure.kind === "ObjectNotFound" ? ok({}) : began;
  const record = began.value.status?.record;
  const diskUri = began.value.status?.detail?.diskUri;
  const node = record?.fencing;
  if (record === undefined || node === undefined || diskUri === undefined) return ok({});
  const startedMs = clock.elapsedMs();

  const proof = await steps.run("fence-detach", () =>
    cloud.fenceDisk(
      {
        diskUri,
        node,
        mayProceed: async (asked) => {
          const fresh = await store.get("AzVolume", volumeName, asked);
          return (
            fresh.ok &&
            fresh.value.metadata.uid === began.value.metadata.uid &&
            fresh.value.status?.record !== undefined &&
            isFencing(fresh.value.status.record, node) &&
            (await isTrusted(ports, fresh.value.status.record, asked))
          );
        },
      },
      signal,
    ),
  );
  if (!proof.ok) {
    // The fence may be over, or the store could not be read just now: the next pass sees which.
    if (proof.failure.kind === "Refused") return proof;
    events.emit({
      about: { kind: "AzVolume", name: volumeName },
      nodeName: node.nodeName,
      reason: "NoProof",
      message: `${node.nodeName} is not proven to be off the disk yet, so no other node may write: ${describeFailure(proof.failure)}`,
      news: failureNews(proof.failure),
    });
    return proof;
  }
  const proven = await store.get("AzVolume", volumeName, signal);
  if (!proven.ok) return proven;
  if (proven.value.metadata.uid !== began.value.metadata.uid) return ok({});
  // While the fence stands nothing is attached to the node: only so the attachment can't say Attached again before the record is clear.
  const forgotten = await forgetAttach(store, { diskUri, node }, signal);
  if (!forgotten.ok) return forgotten;
  const cleared = await moveRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "fence-clear", onlyAtVersion: proven.value.metadata.resourceVersion },
    (present) => fenceClear(present, node, record.writer),
    signal,
  );
  if (!cleared.ok) return cleared.failure.kind === "NotWriter" ? ok({}) : cleared;
  logger.info("node fenced", { volumeName, nodeName: node.nodeName, proof: proof.value.kind, durationMs: clock.elapsedMs() - startedMs });
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName: node.nodeName,
    reason: "Fenced",
    message: `${node.nodeName} is proven to be off the disk: ${proof.value.detail}`,
  });
  return ok({});
}
