import type { AzVolume } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { stillDetaching } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import type { BarrierMode, CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { limitedStore } from "../limited-store.ts";
import { tryEach } from "../try-each.ts";
import { emitBarrierPending } from "./barrier-events.ts";
import { mayCompleteDetach } from "./foreign-detach.ts";
import { clearMarkUnlessRebuilt } from "./record-proof.ts";

/** The most calls of the store that all workers make at once: each reads all rebuilt volumes of its node. */
const STORE_CALLS_MAX = 64;

/** A volume whose record was rebuilt, and its node with the pending write barrier and its disk. */
interface BarrierPending {
  readonly volume: AzVolume;
  readonly node: NodeIdentity;
  readonly diskUri: string;
}

/**
 * Passes the pending write barriers of a node, by its name, in all rebuilt records: one update moves the
 * ETag of its VM, so that no update that the lost records allowed can succeed, a force detach above all.
 * Runs beside the fencing loop: the update to invalidate may be a fence of this very controller, which
 * waits for its response.
 */
export function barrierReconciler(ports: FencingPorts): Reconciler {
  const limited = { ...ports, store: limitedStore(ports.store, STORE_CALLS_MAX) };
  return {
    name: "barrier",
    // As many as the VMs of a zone of 5,000 nodes: each barrier of one that is lost may wait for minutes.
    workers: 2048,
    // Azure takes few updates of a VM, and a failover may need the next one.
    backoff: { baseMs: 500, maxMs: 30_000 },
    reconcile: (nodeName, signal) => passVmBarrier(limited, nodeName, signal),
  };
}

async function passVmBarrier(
  ports: FencingPorts,
  nodeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const incarnation = await readStoreIncarnation(ports, signal);
  // No record is trusted yet: the end of the rebuild queues every node here again.
  if (!incarnation.ok) return incarnation.failure.kind === "StoreRolledBack" ? ok({}) : incarnation;
  const names = ports.cache
    .byIndex("AzVolume", "barrierPendingOn", nodeName)
    .map(({ metadata }) => metadata.name);
  const read = await tryEach(
    names,
    {
      attempt: (volumeName) => readBarrierPending(ports, volumeName, nodeName, incarnation.value, signal),
      onFailure: (volumeName, failure) =>
        ports.logger.warn("a pending write barrier was not read", { volumeName, nodeName, failure }),
      logger: ports.logger,
      // One node with many volumes must not keep the store from the others.
      atOnce: 1,
    },
    signal,
  );
  let outcome: Reconciled = read.failed === undefined ? ok({}) : fail(read.failed);
  for (const onVm of Map.groupBy(read.done.flat(), ({ node }) => resourceUriKey(node.instanceUri)).values()) {
    const passed = await passOneBarrier(ports, onVm, incarnation.value, signal);
    if (outcome.ok) outcome = passed;
  }
  return outcome;
}

/** Passes the write barrier of one VM for all volumes that require it. */
async function passOneBarrier(
  ports: FencingPorts,
  onVm: readonly BarrierPending[],
  incarnation: number,
  signal: AbortSignal,
): Promise<Reconciled> {
  const [first] = onVm;
  if (first === undefined) return ok({});
  const passed = await passedAfterFlush(ports, first, onVm, incarnation, signal);
  if (!passed.ok) {
    for (const { volume, node } of onVm)
      emitBarrierPending(ports, { volumeName: volume.metadata.name, node }, passed.failure);
    return passed;
  }
  const recorded = await tryEach(
    passed.value,
    {
      attempt: ({ volume, node }) => clearMarkUnlessRebuilt(ports, volume, node, "barrierPending", signal),
      onFailure: ({ volume, node: { nodeName } }, failure) =>
        ports.logger.warn("a passed write barrier was not recorded", {
          volumeName: volume.metadata.name,
          nodeName,
          failure,
        }),
      logger: ports.logger,
      // A VM has few disks, and all workers share the calls of the store.
      atOnce: 1,
    },
    signal,
  );
  if (recorded.failed !== undefined) return fail(recorded.failed);
  const left = onVm.find((pending) => !passed.value.includes(pending));
  if (left === undefined) return ok({});
  const failure = stillDetaching(first.node);
  emitBarrierPending(ports, { volumeName: left.volume.metadata.name, node: left.node }, failure);
  return fail(failure);
}

/** Reads a record past the cache: what was sent before that is invalidated by what comes after. */
async function readBarrierPending(
  ports: FencingPorts,
  volumeName: string,
  nodeName: string,
  incarnation: number,
  signal: AbortSignal,
): Promise<Result<readonly BarrierPending[]>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read.failure.kind === "ObjectNotFound" ? ok([]) : read;
  const { status } = read.value;
  const diskUri = diskUriOf(read.value);
  if (diskUri === undefined || status?.record?.storeIncarnation !== incarnation) return ok([]);
  // Several only where a VM has the name of an earlier one.
  const nodes = nodesIn(status.record, "barrierPending").filter((other) => other.nodeName === nodeName);
  return ok(nodes.map((node) => ({ volume: read.value, node, diskUri })));
}

/** Moves the VM's ETag; returns the volumes whose disks stay where they are. */
async function passedAfterFlush(
  ports: FencingPorts,
  first: BarrierPending,
  pending: readonly BarrierPending[],
  incarnation: number,
  signal: AbortSignal,
): Promise<Result<readonly BarrierPending[]>> {
  const { cloud, steps } = ports;
  const precondition = async (callSignal: AbortSignal): Promise<boolean> => {
    const still = await readStoreIncarnation(ports, callSignal);
    return still.ok && still.value === incarnation;
  };
  const barrier: Barrier = (mode, { diskUri, node }) =>
    cloud.barrier(
      {
        diskUri,
        node,
        mode,
        precondition,
        mayCompleteDetach: mayCompleteDetach(ports, { node, mode: "flush" }),
      },
      signal,
    );
  const flushed = await steps.run("flush", () => barrier("flush", first));
  if (!flushed.ok)
    return flushed.failure.kind === "InstanceNotFound" ? ok(await provenGone(pending, barrier)) : flushed;
  const instance = await cloud.inspectInstance(first.node, signal);
  if (!instance.ok) return instance;
  // Azure may carry out an unfinished detach with any update of the VM.
  const leaving = instance.value.dataDisks.filter(({ beingDetached }) => beingDetached);
  return ok(
    pending.filter((other) => !leaving.some((entry) => isSameResourceUri(entry.diskUri, other.diskUri))),
  );
}

/** A barrier of the VM, for one of its volumes. */
type Barrier = (mode: BarrierMode, pending: BarrierPending) => ReturnType<CloudProvisioner["barrier"]>;

/** Nothing is at the VM's resource id: returns those whose disks prove that the VM is gone. */
async function provenGone(
  pending: readonly BarrierPending[],
  barrier: Barrier,
): Promise<readonly BarrierPending[]> {
  const proofs = await Promise.all(pending.map((one) => barrier("prove", one)));
  return pending.filter((_, index) => {
    const proof = proofs[index];
    return proof?.ok === true && proof.value !== undefined;
  });
}
