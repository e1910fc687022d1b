import { type AzDriverNode, type NodeStatus, reportIn } from "../../core/api/az-driver-node.ts";
import { CHECKPOINTED_VOLUMES_MAX, COUNTER_MAX } from "../../core/api/epoch.ts";
import { isSameVmId } from "../../core/api/identity/node-identity.ts";
import { annotatedNumber, HEARTBEAT_DELAY_ANNOTATION, storeIncarnationOf } from "../../core/api/lease.ts";
import { HEARTBEAT_DELAY_MAX_MS } from "../../core/election/heartbeat-delay.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { reportOf, rolledBackReason, STORE_ROLLED_BACK } from "../../core/rollback/rollback-reports.ts";
import { CHECKPOINTS_UNWRITTEN, RECLAIM_DISPUTED } from "../../core/states/node-conditions.ts";
import { compareLease } from "../../objects/store-incarnation.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CheckpointVm } from "../../ports/host/node-checkpoints.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodePorts } from "../node-ports.ts";
import { detectRollback, readCheckpointedVolumes } from "../writer/rollback-detector.ts";

const JITTER_SHARE = 0.1;
const SLOW_STORE_MAX_MS = 60_000;
/** Maximum age of the volume limit that a heartbeat reports, in milliseconds. */
const VOLUME_LIMIT_MAX_AGE_MS = 60_000;

/**
 * Registers this node and renews its heartbeat, later than after its interval where the Lease says so; what
 * it has to report waits for no heartbeat. The counter is written first to the store, then to the node's own
 * file, so that the file never runs ahead. A store with a smaller counter than the file, or a
 * record older than the checkpoints, was rolled back; the node reports that and trusts no record until
 * the leader has raised the store incarnation.
 */
export function heartbeatReconciler(ports: NodePorts): Reconciler {
  let last: SentHeartbeat | undefined;
  let checkpointing: Promise<void> | undefined;
  const checkpoint = async (heartbeat: number, signal: AbortSignal): Promise<void> => {
    try {
      const { vmId, nodeName } = ports.node;
      const counted = { heartbeat, vmId, nodeName };
      const checkpointed = await ports.checkpoints.putHeartbeat(counted, signal);
      if (!checkpointed.ok && !signal.aborted)
        ports.logger.warn("heartbeat not checkpointed", { failure: checkpointed.failure });
    } finally {
      checkpointing = undefined;
    }
  };
  return {
    name: "heartbeat",
    workers: 1,
    backoff: { baseMs: 500, maxMs: SLOW_STORE_MAX_MS },
    reconcile: async (_key, signal): Promise<Reconciled> => {
      const sent = await sendHeartbeat(ports, last, signal);
      // The result of a failed write is not known: the next heartbeat reads it.
      last = sent.ok ? sent.value : last === undefined ? undefined : { ...last, written: undefined };
      if (!sent.ok) return sent;
      // This one has reached the store. Were the next one late, the node would count as silent, and be fenced
      // without an answer to its recall if it is out of service, although it can still unmount and release.
      // A disk that is slow with many calls takes longer than that, and then the next one waits for this.
      const sinceMs = ports.clock.elapsedMs();
      checkpointing ??= checkpoint(sent.value.heartbeat, signal);
      await waitAtMost(ports.clock, ports.settings.heartbeatMs, checkpointing);
      const waitedMs = ports.clock.elapsedMs() - sinceMs;
      // Until that is reported, the scheduler chooses this node, and the disks of others stay attached here.
      const isReportedReady = sent.value.written?.status?.readyForVolumeAllocation === true;
      if (isReportedReady && ports.checkpoints.unwritten() !== undefined) return ok({ requeueAfterMs: 0 });
      const intervalMs = ports.settings.heartbeatMs * (1 - JITTER_SHARE * ports.random.next());
      return ok({ requeueAfterMs: Math.max(0, intervalMs - waitedMs) });
    },
  };
}

/** The state from one heartbeat to the next. */
interface SentHeartbeat {
  readonly heartbeat: number;
  readonly incarnation: number;
  /** The object as it was written; undefined: not known. */
  readonly written: AzDriverNode | undefined;
  /** When it was sent, on the clock's `elapsedMs`. */
  readonly sentAtMs: number;
  /** The leader at that time. */
  readonly leader: string;
}

/**
 * Writes on top of the last heartbeat without reading it: others write the object once in its life (what
 * Azure lists for the VM's size), and the write states its version, which also detects a rollback. Otherwise
 * it starts from an uncached read, which also shows whether the heartbeat may come later.
 */
async function sendHeartbeat(
  ports: NodePorts,
  last: SentHeartbeat | undefined,
  signal: AbortSignal,
): Promise<Result<SentHeartbeat>> {
  if (last?.written !== undefined && isDue(ports, last)) {
    const sent = await writeHeartbeat(ports, last.written, last, signal);
    if (sent.ok || (sent.failure.kind !== "ObjectConflict" && sent.failure.kind !== "ObjectNotFound"))
      return sent;
  }
  const present = await readOrRegister(ports, signal);
  return present.ok ? writeHeartbeat(ports, present.value, last, signal) : present;
}

/**
 * Whether the next heartbeat may come too late otherwise, by what the store shows: a store that does not
 * know the delay waits for none.
 */
function isDue({ clock }: NodePorts, { written, sentAtMs }: SentHeartbeat): boolean {
  return clock.elapsedMs() - sentAtMs >= (written?.status?.heartbeatDelayMs ?? 0);
}

/** A new leader may remember nothing of the store, and then waits until each node has compared. */
function mayWait(ports: NodePorts, last: SentHeartbeat | undefined, lease: LeaseAtHeartbeat): boolean {
  if (last?.written === undefined || isDue(ports, last)) return false;
  return lease.leader === "" || lease.leader === last.leader;
}

async function writeHeartbeat(
  ports: NodePorts,
  present: AzDriverNode,
  last: SentHeartbeat | undefined,
  signal: AbortSignal,
): Promise<Result<SentHeartbeat>> {
  const { store, node, checkpoints, steps } = ports;
  const lease = await readLease(ports, signal);
  if (!lease.ok) return lease;
  const { incarnation, leader, heartbeatDelayMs } = lease.value;
  if (last === undefined) warnOfLostCheckpoints(ports, present);
  // An earlier VM of the node's name may have had another size.
  ports.volumeLimit.learn(present.spec.vmSize === node.vmSize ? present.spec.dataDisksMax : undefined);
  const maxVolumes = await ports.volumeLimit.measure(VOLUME_LIMIT_MAX_AGE_MS, signal);
  const heartbeat = Math.max(present.status?.heartbeat ?? 0, checkpoints.heartbeat()) + 1;
  const shown = { own: present, volumes: await readCheckpointedVolumes(ports, signal) };
  const rolledBack = rollbackConditions(ports, shown, { ...lease.value, earlier: last?.incarnation });
  const unwritten = checkpoints.unwritten();
  const conditions = [
    ...rolledBack,
    ...disputeConditions(ports, present),
    ...(unwritten === undefined ? [] : [unwrittenCondition(ports, present, unwritten)]),
  ];
  // Before the report: this heartbeat corrects the counter, and the report is lost where the object is
  // deleted.
  const isCheckpointed = rolledBack.length === 0 || checkpoints.rollbackIncarnation() === incarnation;
  const checkpointed = isCheckpointed ? ok(undefined) : await checkpoints.putRollback(incarnation, signal);
  if (!checkpointed.ok && signal.aborted) return checkpointed;
  // Without the report no controller would learn of the rollback while the root disk takes no change.
  if (!checkpointed.ok) ports.logger.warn("rollback not checkpointed", { failure: checkpointed.failure });
  const status: NodeStatus = {
    lastHeartbeatTime: toTimestamp(ports.clock.nowMs()),
    heartbeat,
    heartbeatMs: Math.ceil(ports.settings.heartbeatMs),
    ...(heartbeatDelayMs === 0 ? {} : { heartbeatDelayMs }),
    readyForVolumeAllocation: unwritten === undefined,
    driverVersion: ports.settings.driverVersion,
    statusMessage: unwritten === undefined ? "the node plug-in is ready" : describeFailure(unwritten),
    conditions,
    maxVolumes,
    location: node.location,
    ...(node.vmSize === "" ? {} : { vmSize: node.vmSize }),
    zone: node.zone,
    busType: node.busType,
    platform: ports.settings.platform,
    vmId: node.vmId,
    instanceUri: node.instanceUri,
    // A damaged checkpoint must not keep the API server from accepting the heartbeat.
    volumes: checkpoints
      .volumes()
      .slice(0, CHECKPOINTED_VOLUMES_MAX)
      .map(({ volumeName, uid, epoch, vm }) => ({
        volumeName,
        uid,
        epoch: Math.min(epoch, COUNTER_MAX),
        ...checkpointedElsewhere(node, vm),
      })),
  };
  const isReportChanged =
    present.status === undefined || !sameJson(reportIn(present.status), reportIn(status));
  if (!isReportChanged && last !== undefined && mayWait(ports, last, lease.value))
    return ok({ ...last, incarnation, written: present });
  const sentAtMs = ports.clock.elapsedMs();
  const written = await steps.run("heartbeat", () =>
    store.updateStatus("AzDriverNode", { ...present, status }, signal),
  );
  return written.ok ? ok({ heartbeat, incarnation, written: written.value, sentAtMs, leader }) : written;
}

/**
 * Warns where both files of the checkpoints were removed since an earlier plug-in's last heartbeat. That says
 * so only until the next one is written.
 */
function warnOfLostCheckpoints({ node, checkpoints, logger }: NodePorts, { status }: AzDriverNode): void {
  const volumes = status?.volumes.map(({ volumeName }) => volumeName) ?? [];
  // Files that have seen a heartbeat have its number: this plug-in has found none.
  if (checkpoints.heartbeat() > 0 || volumes.length === 0 || !isSameVmId(status?.vmId, node.vmId)) return;
  logger.warn("the node's checkpoints are gone, and its last heartbeat named volumes", {
    volumes,
    remedy:
      "none if the machine was reimaged; otherwise find out what has removed the files of --state-dir, and " +
      "delete the pods on this node that use these volumes: their next stage writes the checkpoints again",
  });
}

/** A VM is identified by its GUID, which it keeps when it moves to another resource id. */
function checkpointedElsewhere(
  node: CheckpointVm,
  vm: CheckpointVm,
): { readonly checkpointedOn?: CheckpointVm } {
  return isSameVmId(vm.vmId, node.vmId) ? {} : { checkpointedOn: vm };
}

async function readOrRegister(ports: NodePorts, signal: AbortSignal): Promise<Result<AzDriverNode>> {
  const { nodeName } = ports.node;
  const read = await ports.store.get("AzDriverNode", nodeName, signal);
  if (read.ok || read.failure.kind !== "ObjectNotFound") return read;
  const created = await ports.store.create(
    "AzDriverNode",
    { metadata: { name: nodeName }, spec: { nodeName } },
    signal,
  );
  if (created.ok)
    ports.logger.info("node registered", { nodeName, vmId: ports.node.vmId, zone: ports.node.zone });
  return created;
}

/** Volumes that another node has reclaimed while a pod uses them here. */
function disputeConditions(ports: NodePorts, present: AzDriverNode): NodeStatus["conditions"] {
  const message = [...ports.disputes.values()].toSorted().join("; ");
  if (message === "") return [];
  return [conditionOf(ports, present, { type: RECLAIM_DISPUTED, reason: "ClaimedElsewhere", message })];
}

/**
 * Without a checkpoint nothing may be mounted. No reason to fence: what is mounted is written as before, and
 * released when it is recalled.
 */
function unwrittenCondition(
  ports: NodePorts,
  present: AzDriverNode,
  unwritten: Failure,
): NodeStatus["conditions"][number] {
  const message = describeFailure(unwritten);
  const { nodeName } = ports.node;
  if (!present.status?.conditions.some(({ type }) => type === CHECKPOINTS_UNWRITTEN))
    ports.events.emit({
      about: { kind: "Node", name: nodeName },
      reason: "CheckpointsUnwritten",
      message: `no further volume is staged on ${nodeName}: ${message}`,
    });
  return conditionOf(ports, present, { type: CHECKPOINTS_UNWRITTEN, reason: unwritten.kind, message });
}

/** One that stands with the same message keeps its time. */
function conditionOf(
  { clock }: NodePorts,
  present: AzDriverNode,
  given: { readonly type: string; readonly reason: string; readonly message: string },
): NodeStatus["conditions"][number] {
  const earlier = present.status?.conditions.find(
    ({ type, message }) => type === given.type && message === given.message,
  );
  return earlier ?? { ...given, status: "True", lastTransitionTime: toTimestamp(clock.nowMs()) };
}

/** The controllers' Lease as a heartbeat finds it. */
interface LeaseAtHeartbeat {
  /** The store incarnation; zero where there is no Lease. */
  readonly incarnation: number;
  /** Why the Lease shows a rollback; undefined: it does not. */
  readonly olderLease: string | undefined;
  /** Empty: none. */
  readonly leader: string;
  /** By how much the heartbeats may come later, in milliseconds. */
  readonly heartbeatDelayMs: number;
}

const noLease: LeaseAtHeartbeat = { incarnation: 0, olderLease: undefined, leader: "", heartbeatDelayMs: 0 };

/** Also while records are rebuilt: a heartbeat trusts no record. A deleted Lease shows no rollback. */
async function readLease(ports: NodePorts, signal: AbortSignal): Promise<Result<LeaseAtHeartbeat>> {
  const compared = await compareLease(ports, signal);
  if (!compared.ok) return compared;
  const { lease, older } = compared.value;
  if (lease === undefined) return ok(noLease);
  const delayMs = annotatedNumber(lease, HEARTBEAT_DELAY_ANNOTATION);
  return ok({
    incarnation: storeIncarnationOf(lease),
    olderLease: older,
    leader: lease.spec.holderIdentity,
    heartbeatDelayMs: Math.min(delayMs, HEARTBEAT_DELAY_MAX_MS),
  });
}

/** Reports `StoreRolledBack` until the leader has moved past the incarnation in which it was noticed. */
function rollbackConditions(
  ports: NodePorts,
  shown: Parameters<typeof detectRollback>[1],
  lease: LeaseAtHeartbeat & { readonly earlier: number | undefined },
): NodeStatus["conditions"] {
  const reported = reportOf(shown.own, lease.incarnation);
  if (reported !== undefined) return [reported];
  const { incarnation: present, earlier } = lease;
  const message = lease.olderLease ?? detectRollback(ports, shown, { present, earlier });
  if (message === undefined) return [];
  ports.logger.error("object store rolled back", { detail: message });
  // A watch on a version that the store no longer knows may stay silent.
  ports.cache.listAgain();
  return [
    {
      type: STORE_ROLLED_BACK,
      status: "True",
      reason: rolledBackReason(present),
      message,
      lastTransitionTime: toTimestamp(ports.clock.nowMs()),
    },
  ];
}

async function waitAtMost(clock: Clock, maxMs: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const timer = clock.sleep(maxMs, done.signal).catch(() => undefined);
  try {
    await Promise.race([work, timer]);
  } finally {
    done.abort();
  }
}
