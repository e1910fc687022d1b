import type { Lane } from "../core/cloud/lane.ts";
import { resourceUriKey } from "../core/model/disk-uri.ts";
import { type Result, fail, ok } from "../core/result.ts";
import type { ArmDataDisk, ArmError, ArmName, ArmOperationEnd, ArmVm, ArmVmChange } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";
import type { ArmSession } from "./arm-session.ts";
import { endShownBy } from "./provisioning-state.ts";

/** A VM that a queue works on. */
export interface VmTarget extends ArmName {
  /** Names the VM in budgets: its ARM id in lower case. */
  readonly key: string;
  readonly uri: string;
}

/** The disk behind an entry, in the form in which ids are compared; empty for an unmanaged disk. */
export function diskKeyOf(entry: ArmDataDisk): string {
  return resourceUriKey(entry.managedDisk?.id ?? "");
}

/**
 * Reads a VM's model, never from a cache. A model without ETag or vmId counts as no answer: without the first nothing can be written conditionally, and
 * a missing vmId must never pass for another machine's.
 */
export async function readVm(session: ArmSession, vm: VmTarget, lane: Lane, signal: AbortSignal): Promise<Result<ArmVm, ArmError>> {
  const read = await readInstance(session, vm, { lane, instanceView: false }, signal);
  return read.ok && read.value.etag === "" ? fail(incomplete(vm, "an ETag")) : read;
}

/** The same of a VM that is only looked at, with its power state where `instanceView` asks for it. */
export async function readInstance(
  session: ArmSession,
  vm: VmTarget,
  { lane, instanceView }: { readonly lane: Lane; readonly instanceView: boolean },
  signal: AbortSignal,
): Promise<Result<ArmVm, ArmError>> {
  const read = await session.call(
    { group: "vmRead", resource: vm.key, lane },
    (clientRequestId) => session.arm.getVm({ ...armNameOf(vm), instanceView, clientRequestId }, signal),
    signal,
  );
  return read.ok && read.value.vmId === "" ? fail(incomplete(vm, "a vmId")) : read;
}

function armNameOf({ subscriptionId, resourceGroup, name }: VmTarget): ArmName {
  return { subscriptionId, resourceGroup, name };
}

function incomplete(vm: VmTarget, what: string): ArmError {
  return ownError("IncompleteVm", `VM ${vm.name} was answered without ${what}`);
}

/** The conditional update of a VM, to its end. Success says only that Azure called the operation succeeded: what is so, a fresh read tells. */
export async function updateVm(
  session: ArmSession,
  update: { readonly vm: VmTarget; readonly ifMatch: string; readonly change: ArmVmChange; readonly lane: Lane; readonly maxMs?: number },
  signal: AbortSignal,
): Promise<Result<void, ArmError>> {
  const { vm } = update;
  const started = await session.call(
    { group: "vmWrite", resource: vm.key, lane: update.lane },
    (clientRequestId) => session.arm.startVmUpdate({ ...armNameOf(vm), change: update.change, ifMatch: update.ifMatch, clientRequestId }, signal),
    signal,
  );
  if (!started.ok) return fail(started.failure);
  const ended = await session.untilEnded(
    started.value,
    {
      resource: vm.key,
      lane: update.lane,
      ...(update.maxMs === undefined ? {} : { maxMs: update.maxMs }),
      readEnd: (asked) => readUpdateEnd(session, update, asked),
    },
    signal,
  );
  return ended.ok ? ok(undefined) : ended;
}

async function readUpdateEnd(
  session: ArmSession,
  { vm, lane }: { readonly vm: VmTarget; readonly lane: Lane },
  signal: AbortSignal,
): Promise<Result<ArmOperationEnd | undefined, ArmError>> {
  const read = await readVm(session, vm, lane, signal);
  return read.ok ? endShownBy(read.value.provisioningState, `VM ${vm.name}`) : read;
}

/** An entry that takes its disk off with the next write of the list. */
export function leaving(entry: ArmDataDisk, options: { readonly force: boolean }): ArmDataDisk {
  return { ...entry, toBeDetached: true, ...(options.force ? { detachOption: "ForceDetach" } : {}) };
}
