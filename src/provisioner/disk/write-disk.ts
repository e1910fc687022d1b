import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmAnswer, ArmDisk, ArmError, ArmOperation, ArmOperationEnd } from "../arm/arm-api.ts";
import { notSent, ownErrorCodes } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { classOf, isOver, isWorthRetrying, mayTakeEffect, saysNotThere } from "../arm/error-table.ts";
import { endShownBy, TRIES_MAX, untilSettled } from "../arm/provisioning-state.ts";
import type { CallGroup } from "../arm/throttle-budget.ts";
import type { BoundedCache } from "../bounded-cache.ts";
import type { KeyedMutex } from "../keyed-mutex.ts";
import { readDisk } from "./disk-owners.ts";
import type { RecentDiskWrites } from "./recent-writes.ts";

/** The collaborators of disk calls. */
export interface DiskContext {
  readonly session: ArmSession;
  /** Disks that were read lately; own writes drop what they change. */
  readonly disks: BoundedCache<ArmDisk>;
  /** What a read of a disk may not show yet. */
  readonly writes: RecentDiskWrites;
  /** By disk: Azure takes the whole map of tags, so two writers must not read the same one. */
  readonly tagWrites: KeyedMutex;
}

/** Disk calls have no lane of their own: volumes wait for them as for a first attach. */
export const DISK_LANE: Lane = "primaryAttach";

/** The disk as the end of its operation showed it; where it did not, it is read. */
export function settledAfter(
  shown: ArmDisk | undefined,
  session: ArmSession,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<ArmDisk, ArmError>> {
  return shown === undefined ? settledDisk(session, diskUri, signal) : Promise.resolve(ok(shown));
}

/** Reads a disk once the operation that may be under way on it has ended. */
export function settledDisk(
  session: ArmSession,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<ArmDisk, ArmError>> {
  return untilSettled(session, () => readDisk(session, { diskUri, lane: DISK_LANE }, signal), signal);
}

/**
 * Starts a write of a disk and waits for its end; returns the disk if the end shows it. A write whose
 * answer was lost is sent again: it states the disk's target state. `precondition` is checked right
 * before each request, also after a throttled one: only the caller knows whether the name still means
 * the same disk.
 */
export async function writeDisk(
  { session, disks }: Pick<DiskContext, "session" | "disks">,
  target: {
    readonly group: CallGroup;
    readonly likeness: "diskCreate" | "diskUpdate" | "diskDelete";
    readonly diskUri: string;
    readonly precondition: Precondition;
    readonly lane?: Lane;
    /** Called for each request whose end was not learnt: it may be made, now or later. */
    readonly onLost?: () => void;
    /** Called for each request of which it is known that it makes nothing any more. */
    readonly onOver?: (signal: AbortSignal) => Promise<void>;
  },
  start: (clientRequestId: string) => Promise<ArmAnswer<ArmOperation>>,
  signal: AbortSignal,
): Promise<Result<ArmDisk | undefined, ArmError>> {
  const { lane = DISK_LANE } = target;
  disks.drop(resourceUriKey(target.diskUri));
  const endIfOver = async (result: Result<unknown, ArmError>, isAccepted: boolean): Promise<void> => {
    if (!result.ok && isOver(result.failure, isAccepted)) await target.onOver?.(signal);
  };
  // A call is repeated after a 429: each of its requests is over before the next one is announced.
  const startIfAllowed: typeof start = async (clientRequestId) => {
    const isAllowed = await target.precondition(signal);
    const answer =
      isAllowed === true
        ? await start(clientRequestId)
        : notSent(isAllowed || { kind: "Refused", diskUri: target.diskUri });
    await endIfOver(answer.result, false);
    return answer;
  };
  for (let attempt = 1; ; attempt++) {
    const started = await session.call(
      { group: target.group, resource: target.diskUri, lane },
      startIfAllowed,
      signal,
    );
    const waiting = {
      resource: target.diskUri,
      lane,
      likeness: target.likeness,
      readEnd: (callSignal: AbortSignal) => readWriteEnd(session, { ...target, lane }, callSignal),
    };
    const ended = started.ok ? await session.untilEnded(started.value, waiting, signal) : started;
    if (ended.ok)
      return ok(ended.value.disk?.provisioningState === "Succeeded" ? ended.value.disk : undefined);
    if (mayTakeEffect(ended.failure)) target.onLost?.();
    if (started.ok) await endIfOver(ended, true);
    // Sent again, one that still runs would be waited for as long once more, up to five times.
    const isRunning = ended.failure.code === ownErrorCodes.stillRunning;
    const mayRetry = isWorthRetrying(ended.failure) && classOf(ended.failure) !== "throttled" && !isRunning;
    if (!mayRetry || attempt > TRIES_MAX) return ended;
    await session.backOff(attempt, signal);
  }
}

async function readWriteEnd(
  session: ArmSession,
  { diskUri, likeness, lane }: { readonly diskUri: string; readonly likeness: string; readonly lane: Lane },
  signal: AbortSignal,
): Promise<Result<ArmOperationEnd | undefined, ArmError>> {
  const read = await readDisk(session, { diskUri, lane }, signal);
  // A disk that is being created may not be there yet.
  if (!read.ok) return saysNotThere(read.failure) ? ok(likeness === "diskDelete" ? {} : undefined) : read;
  return likeness === "diskDelete"
    ? ok(undefined)
    : endShownBy(read.value.provisioningState, `disk ${diskUri}`);
}

/** Azure names only some owners, and sometimes none. */
export function withOwners(failure: Failure, attachedTo: readonly string[]): Failure {
  return failure.kind === "DiskInUse" && attachedTo.length > 0 ? { ...failure, attachedTo } : failure;
}
