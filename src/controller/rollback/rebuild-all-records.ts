import type { AzVolume } from "../../core/api/az-volume.ts";
import { CONTROLLER_LEASE, rebuildMarkOf, storeIncarnationOf } from "../../core/api/lease.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isUnmarked, withoutUnmarked, withUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import { rebuildEnd, rebuildMark } from "../../core/rollback/rebuild-mark.ts";
import { judgeStandingReports, rememberedReport } from "../../core/rollback/rollback-reports.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeStatus, targetOf } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { KeyPace } from "../../runtime/queue/key-pace.ts";
import type { VolumeDisk } from "../adoption/find-attached-vms.ts";
import {
  readRecordedDisk,
  type ReadDisk,
  rebuildFromDisk,
  recordedDisk,
} from "../adoption/rebuild-record.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { isGeneral, tryEach, tryOne } from "../try-each.ts";
import { annotateLease } from "./annotate-lease.ts";
import { distrustShared, sharedDisk } from "./distrust-shared.ts";
import { vmsReadOnce } from "./vms-read-once.ts";

/**
 * Volumes that are read, and then rebuilt, at once. ARM admits 25 reads a second of one caller
 * (`azureGatewayLimits`): these are used up also where an answer takes a second. More would only lengthen
 * the line in which the reads of other calls wait.
 */
const REBUILT_AT_ONCE = 25;
/** How often the attachments of a volume that is kept from its nodes are marked again, in milliseconds. */
const MARKED_AGAIN_EVERY_MS = 60_000;

/**
 * After a rollback no record can be trusted, and no attachment of a volume without one (`distrustShared`).
 * The leader makes every record *unverified* from Azure's state, with an epoch above all that any record or
 * node knows, and then raises the store incarnation: only then is any node granted a volume. After a crash in
 * between, the next leader continues from the mark. A volume that could not be read keeps its old
 * incarnation, and is retried.
 */
export function rebuildReconciler(ports: AdoptionPorts): Reconciler {
  const pace = new KeyPace(ports.clock, MARKED_AGAIN_EVERY_MS);
  return {
    name: "rebuild",
    workers: 1,
    backoff: { baseMs: 500, maxMs: 10_000 },
    reconcile: (_key, signal) => rebuildIfDue(ports, pace, signal),
  };
}

async function rebuildIfDue(ports: AdoptionPorts, pace: KeyPace, signal: AbortSignal): Promise<Reconciled> {
  const lease = await ports.store.get("Lease", CONTROLLER_LEASE, signal);
  if (!lease.ok) return ignoreNotFound(lease);
  const incarnation = storeIncarnationOf(lease.value);
  const mark = rebuildMarkOf(lease.value);
  if (mark > 0) return rebuild(ports, Math.max(mark, incarnation + 1), undefined, signal);
  const verdict = judgeStandingReports(ports.cache.reportedNodes(), lease.value, ports.clock.nowMs());
  switch (verdict.kind) {
    case "rebuild":
      return rebuild(ports, incarnation + 1, verdict.alone, signal);
    case "limited": {
      emitLimited(ports, verdict.nodeName);
      const rebuilt = await rebuildStragglers(ports, pace, incarnation, signal);
      return rebuilt.ok ? ok({ requeueAfterMs: verdict.leftMs }) : rebuilt;
    }
    case "none":
      return rebuildStragglers(ports, pace, incarnation, signal);
    default:
      return unreachable(verdict);
  }
}

function emitLimited({ events }: AdoptionPorts, nodeName: string): void {
  const message =
    `${nodeName} alone reports a store rollback again: ` +
    "the records stay until another node reports it, too, or ten minutes have passed";
  events.emit({ about: { kind: "Node", name: nodeName }, reason: "RollbackUnconfirmed", message });
}

/**
 * Records of another incarnation: written during a rebuild, or left over after the Lease was deleted by
 * hand. No component would ever trust them again. So are volumes with an attachment that had taken no mark.
 */
async function rebuildStragglers(
  ports: AdoptionPorts,
  pace: KeyPace,
  incarnation: number,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cache } = ports;
  const isStraggler = ({ status }: AzVolume): boolean =>
    status?.record !== undefined && status.record.storeIncarnation !== incarnation;
  // Another leader may have rebuilt it already, later than the cache shows: its record counts, and its disk
  // may be elsewhere by now.
  const isDue = ({ metadata: { name } }: AzVolume): boolean => {
    const present = cache.get("AzVolume", name);
    return present !== undefined && isStraggler(present);
  };
  const volumes = cache.list("AzVolume").filter(isStraggler);
  const rebuilt = await rebuildEach(ports, { volumes, incarnation, isDue }, signal);
  const marked = await markAgain(ports, pace, incarnation, signal);
  return rebuilt.ok ? marked : rebuilt;
}

/** Each mark has its VM written, and ends the taking back of an earlier one. */
async function markAgain(
  ports: AdoptionPorts,
  pace: KeyPace,
  incarnation: number,
  signal: AbortSignal,
): Promise<Reconciled> {
  const unmarked = ports.cache.list("AzVolume").filter(isUnmarked);
  const due = unmarked.filter(({ metadata: { name } }) => pace.waitMs(name) === 0);
  for (const { metadata } of due) pace.acted(metadata.name);
  const distrusted = await distrustEach(ports, due, incarnation, signal);
  return distrusted.ok && unmarked.length > 0 ? ok({ requeueAfterMs: MARKED_AGAIN_EVERY_MS }) : distrusted;
}

interface Due {
  readonly volumes: readonly AzVolume[];
  readonly incarnation: number;
  /** Whether a record is still to be rebuilt once all disks were read. */
  readonly isDue: (volume: AzVolume) => boolean;
}

/**
 * A volume that fails is reported. A record that was not rebuilt keeps an earlier incarnation, on which no
 * component acts, and the next pass rebuilds it. Where only attachments could not be corrected, none comes
 * back to them: `readVmsReconciler` and the nodes find those that are wrong. Fails once all were tried.
 *
 * A VM is read after each disk that may name it: before, another VM may have been at that id, or the disk
 * not have been in its list. So all disks are read first, and then one read of a VM is fresh enough for all
 * of its volumes. What was read stays true until the record is rebuilt: no component attaches or detaches the
 * disk until then, and an update that was sent before may land after any read. No list of VMs serves instead.
 * Instances of scale sets are not in it, and how old its entries may be is documented nowhere.
 */
async function rebuildEach(
  ports: AdoptionPorts,
  { volumes, incarnation, isDue }: Due,
  signal: AbortSignal,
): Promise<Reconciled> {
  const reason = { kind: "lost", storeIncarnation: incarnation } as const;
  const attempts = {
    atOnce: REBUILT_AT_ONCE,
    // The incarnation rises after the pass: what it has not rebuilt no component acts on.
    generalMax: Infinity,
    onFailure: ({ volume }: VolumeDisk, failure: Failure) => emitNotRebuilt(ports, volume, failure),
    logger: ports.logger,
  };
  const readOne = (one: VolumeDisk): Promise<Result<ReadDisk>> => readRecordedDisk(ports, one, signal);
  const recorded = volumes.flatMap((volume) => recordedDisk(volume) ?? []);
  const read = await tryEach(recorded, { ...attempts, attempt: readOne }, signal);
  if (read.failed?.kind === "Cancelled") return fail(read.failed);
  const afterDisks = { ...ports, cloud: vmsReadOnce(ports) };
  const rebuildOne = async (one: ReadDisk): Promise<Result<unknown>> =>
    isDue(one.volume) ? rebuildFromDisk(afterDisks, one, reason, signal) : ok(undefined);
  const rebuilt = await tryEach(read.done, { ...attempts, attempt: rebuildOne }, signal);
  if (rebuilt.failed?.kind === "Cancelled") return fail(rebuilt.failed);
  const failed = read.failed ?? rebuilt.failed;
  return failed === undefined ? ok({}) : fail(failed);
}

function emitNotRebuilt({ events }: AdoptionPorts, volume: AzVolume, failure: Failure): void {
  events.emit({
    about: { kind: "AzVolume", name: volume.metadata.name },
    reason: "RecordNotVerified",
    ...failureEventText("its record or an attachment is not verified yet after a rollback", failure),
  });
}

/** `alone`: the only node that reports the rollback. It is recorded in the same write. */
async function rebuild(
  ports: AdoptionPorts,
  incarnation: number,
  alone: string | undefined,
  signal: AbortSignal,
): Promise<Reconciled> {
  const nowMs = ports.clock.nowMs();
  const marked = await annotateLease(
    ports,
    (lease) => {
      const mark = rebuildMark(lease, incarnation);
      return mark === undefined || alone === undefined
        ? mark
        : { ...mark, ...rememberedReport(lease, alone, nowMs) };
    },
    signal,
  );
  if (!marked.ok) return marked;
  // Another leader was faster, and may be at the next rebuild: that one is begun by its own mark.
  if (rebuildMarkOf(marked.value) !== incarnation) return ok({});
  ports.logger.warn("store rolled back: every record is rebuilt", { incarnation });
  const volumes = await ports.store.list("AzVolume", {}, signal);
  if (!volumes.ok) return volumes;
  // Also those that were rebuilt before a crash: their attachments may not have been repaired.
  const due = { volumes: volumes.value.items, incarnation, isDue: () => true };
  const distrusted = await distrustEach(ports, volumes.value.items, incarnation, signal);
  if (!distrusted.ok) return distrusted;
  const rebuilt = await rebuildEach(ports, due, signal);
  if (!rebuilt.ok && (signal.aborted || rebuilt.failure.kind === "Cancelled")) return rebuilt;
  // Also where some failed: their records are of an earlier incarnation than the store, and no step
  // trusts them.
  const raised = await annotateLease(ports, (lease) => rebuildEnd(lease, incarnation), signal);
  return raised.ok ? rebuilt : raised;
}

/**
 * Before the incarnation rises, which ends the rebuild: no record shows later which of them are left. Fails
 * with what concerns every volume, and where one can't be kept from its nodes.
 */
async function distrustEach(
  ports: AdoptionPorts,
  volumes: readonly AzVolume[],
  incarnation: number,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { failed } = await tryEach(
    volumes.flatMap((volume) => sharedDisk(volume) ?? []),
    {
      attempt: (shared) => distrustOrKeep(ports, shared, incarnation, signal),
      onFailure: ({ volume }, failure) => emitNotRebuilt(ports, volume, failure),
      atOnce: REBUILT_AT_ONCE,
      logger: ports.logger,
    },
    signal,
  );
  return failed === undefined ? ok({}) : fail(failed);
}

/**
 * What concerns one volume alone, as a bug may, must not keep every other one from its nodes: the volume
 * itself is kept from them, on its own object, until its attachments take their marks.
 */
async function distrustOrKeep(
  ports: AdoptionPorts,
  shared: VolumeDisk,
  incarnation: number,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volume } = shared;
  const report = (failure: Failure): void => emitNotRebuilt(ports, volume, failure);
  const marked = await tryOne(() => distrustShared(ports, shared, report, signal), ports.logger, signal);
  if (marked.ok ? !isUnmarked(volume) : isGeneral(marked.failure)) return marked;
  if (!marked.ok) report(marked.failure);
  const kept = await changeStatus(
    ports.store,
    targetOf(volume),
    (present) =>
      marked.ok
        ? withoutUnmarked(present, volume)
        : withUnmarked(present, {
            because: describeFailure(marked.failure),
            incarnation,
            nowMs: ports.clock.nowMs(),
          }),
    signal,
  );
  if (kept.ok || !marked.ok || isGeneral(kept.failure)) return ignoreNotFound(kept);
  // It is only kept from its nodes for longer.
  report(kept.failure);
  return ok(undefined);
}

/** Requests a rebuild of every record without a report: no node is left that could report a rollback. */
export async function requestRebuild(ports: AdoptionPorts, signal: AbortSignal): Promise<Result<unknown>> {
  return annotateLease(ports, (lease) => rebuildMark(lease, storeIncarnationOf(lease) + 1), signal);
}
