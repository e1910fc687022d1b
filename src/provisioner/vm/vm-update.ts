import type { Lane } from "../../core/azure/lane.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmDataDisk, ArmError, ArmVm, ArmVmChange, ArmVmName } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import type { OperationLikeness, ReadEnd } from "../arm/operation-poller.ts";
import { endShownBy } from "../arm/provisioning-state.ts";
import { callGroupsOf } from "../arm/throttle-budget.ts";
import { diskKeyOf } from "../disk/disk-key.ts";
import type { UpdatesUnderWay } from "./updates-under-way.ts";

/** A VM that a queue works on. */
export interface VmTarget extends ArmVmName {
  /** Names the VM in budgets: its ARM id in lower case. */
  readonly key: string;
  readonly uri: string;
}

export interface VmReadOptions {
  readonly lane: Lane;
  /** Default: false. */
  readonly instanceView?: boolean;
  /** `none`: fails instead of waiting for the call budget, or after a refusal. */
  readonly patience?: "none" | undefined;
}

/**
 * Reads a VM's model, never from a cache. That is Azure's word for what the VM is to be, with its list of
 * data disks; the instance view says what it does. A model without ETag or vmId counts as no answer:
 * without the first nothing can be written conditionally, and a missing vmId must never pass for another
 * machine's.
 */
export async function readVm(
  session: ArmSession,
  vm: VmTarget,
  options: VmReadOptions,
  signal: AbortSignal,
): Promise<Result<ArmVm, ArmError>> {
  const read = await readInstance(session, vm, options, signal);
  return read.ok && read.value.etag === "" ? fail(incomplete(vm, "an ETag")) : read;
}

/**
 * Reads a VM without requiring an ETag: no write may be based on the result. With its power state if
 * `instanceView` asks for it.
 */
export async function readInstance(
  session: ArmSession,
  vm: VmTarget,
  {
    lane,
    instanceView = false,
    patience,
    onSent,
  }: VmReadOptions & {
    /** Called before each call to Azure, once the call budget allows it. */
    readonly onSent?: () => void;
  },
  signal: AbortSignal,
): Promise<Result<ArmVm, ArmError>> {
  const read = await session.call(
    { group: callGroupsOf(vm).read, resource: vm.key, lane, patience },
    (clientRequestId) => {
      onSent?.();
      return session.arm.getVm({ ...armNameOf(vm), instanceView, clientRequestId }, signal);
    },
    signal,
  );
  return read.ok && read.value.vmId === "" ? fail(incomplete(vm, "a vmId")) : read;
}

export function armNameOf({ subscriptionId, resourceGroup, name, scaleSet }: VmTarget): ArmVmName {
  return { subscriptionId, resourceGroup, name, ...(scaleSet === undefined ? {} : { scaleSet }) };
}

function incomplete(vm: VmTarget, what: string): ArmError {
  return ownError("IncompleteVm", `VM ${vm.name} was answered without ${what}`);
}

export interface VmUpdate {
  readonly vm: VmTarget;
  readonly ifMatch: string;
  readonly change: ArmVmChange;
  readonly lane: Lane;
  /** Longest wait for its end. Default: `operationMaxMs`. */
  readonly maxMs?: number;
  /** Follows the update until its end is seen. */
  readonly underWay: UpdatesUnderWay;
  /** Default: polled as if no such update had been seen. */
  readonly likeness?: OperationLikeness;
  /** Whether a model of the VM already shows the update's result. Default: its end is awaited. */
  readonly isDone?: (vm: ArmVm) => boolean;
}

/**
 * Carries an update out, to its end. Success only means that Azure reported the operation succeeded: a
 * new read shows the result.
 */
export async function updateVm(
  session: ArmSession,
  update: VmUpdate,
  signal: AbortSignal,
): Promise<Result<void, ArmError>> {
  const { change, ifMatch, lane, maxMs, likeness, underWay, isDone } = update;
  const { key } = update.vm;
  const started = await session.call(
    { group: callGroupsOf(update.vm).write, resource: key, lane },
    (clientRequestId) =>
      session.arm.startVmUpdate({ ...armNameOf(update.vm), change, ifMatch, clientRequestId }, signal),
    signal,
  );
  if (!started.ok) return fail(started.failure);
  const readEnd = (callSignal: AbortSignal): ReturnType<ReadEnd> =>
    readUpdateEnd(session, update, callSignal);
  const readEarlyEnd: ReadEnd | undefined =
    isDone &&
    (async (callSignal) => {
      const read = await readVm(session, update.vm, { lane }, callSignal);
      return read.ok ? ok(isDone(read.value) ? {} : undefined) : read;
    });
  const waiting = { resource: key, lane, maxMs, likeness, readEnd, readEarlyEnd };
  const own = { operation: started.value, ifMatch, takesOff: takenOffBy(change) };
  const ended = await underWay.during(own, () => session.untilEnded(started.value, waiting, signal));
  return ended.ok ? ok(undefined) : ended;
}

async function readUpdateEnd(
  session: ArmSession,
  { vm, lane }: Pick<VmUpdate, "vm" | "lane">,
  signal: AbortSignal,
): ReturnType<ReadEnd> {
  const read = await readVm(session, vm, { lane }, signal);
  return read.ok ? endShownBy(read.value.provisioningState, `VM ${vm.name}`) : read;
}

function takenOffBy({ dataDisks = [] }: ArmVmChange): ReadonlySet<string> {
  return new Set(dataDisks.filter((entry) => entry.toBeDetached === true).map(diskKeyOf));
}

/** An entry that detaches its disk with the next write of the list. */
export function detachingEntry(entry: ArmDataDisk, options: { readonly force: boolean }): ArmDataDisk {
  return { ...entry, toBeDetached: true, ...(options.force ? { detachOption: "ForceDetach" } : {}) };
}

export function isDeletedWithVm({ deleteOption }: ArmDataDisk): boolean {
  return deleteOption?.toLowerCase() === "delete";
}
