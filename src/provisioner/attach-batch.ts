import { isSameArmId, parseArmId } from "../core/cloud/arm-id.ts";
import { dataDisksMaxOf } from "../core/cloud/data-disks-max.ts";
import { mostUrgentLane } from "../core/cloud/lane.ts";
import { splitBatch } from "../core/cloud/plan-batch.ts";
import { type WishOutcome, planVmUpdate } from "../core/cloud/plan-vm-update.ts";
import { pollDelayMs } from "../core/cloud/poll-delay.ts";
import { fail, ok } from "../core/result.ts";
import type { ArmDataDisk, ArmError, ArmVm } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";
import type { ArmSession } from "./arm-session.ts";
import { askEach } from "./ask-each.ts";
import { diskOwners } from "./disk-owners.ts";
import { isWorthRetrying, saysNotThere, toFailure } from "./error-table.ts";
import { Troubles } from "./troubles.ts";
import type { VmRequest } from "./vm-request.ts";
import { type VmTarget, diskKeyOf, leaving, readVm, updateVm } from "./vm-update.ts";

/** Successful updates that a batch can need: drive a stuck detach to its end, take disks off, put disks on in their place. */
const SUCCESSES_MAX = 3;

/** A request with what the plan made of it. */
interface Planned {
  readonly request: VmRequest;
  readonly outcome: WishOutcome;
}

/**
 * Carries out attaches and detaches of one VM together. Each round reads the VM, settles what its model says is so, asks `mayProceed` for the rest and
 * writes the rest in one conditional update; the next round's read tells what came of it. So a lost answer, a changed ETag, a conflict and a preemption
 * all end the same way: by reading again.
 */
export async function runAttachBatch(session: ArmSession, vm: VmTarget, batch: readonly VmRequest[], lifetime: AbortSignal): Promise<void> {
  const troubles = new Troubles(session, vm, lifetime);
  let inFlightSinceMs: number | undefined;
  let successes = 0;
  for (;;) {
    const open = batch.filter((request) => !request.isSettled);
    const lane = mostUrgentLane(open.map((request) => request.lane));
    if (lane === undefined) return;

    const read = await readVm(session, vm, lane, lifetime);
    if (!read.ok) {
      if (saysNotThere(read.failure)) return settleAll(open, () => ok({ kind: "instanceGone" }));
      if (await troubles.endure(read.failure, open, lane)) continue;
      return;
    }

    if (isUpdating(read.value)) {
      inFlightSinceMs ??= session.clock.elapsedMs();
      const elapsedMs = session.clock.elapsedMs() - inFlightSinceMs;
      if (elapsedMs < session.settings.inFlightPatienceMs) {
        await session.clock.sleep(pollDelayMs(session.settings.vmPollPace, { elapsedMs, retryAfterMs: undefined }), lifetime);
        continue;
      }
    }

    const toWrite = await settleFromModel(session, read.value, open, lifetime);
    const allowed = await askEach(toWrite);
    if (allowed.length === 0) {
      // What is left waits for a place or for a disk to come off, by someone else's doing.
      if (
        open.some((request) => !request.isSettled) &&
        !(await troubles.endure(ownError("DiskStillDetaching", `a disk is still coming off VM ${vm.name}`), open, lane))
      )
        return;
      continue;
    }

    const written = await updateVm(session, { vm, ifMatch: read.value.etag, change: { dataDisks: listWith(read.value, allowed) }, lane }, lifetime);
    inFlightSinceMs = undefined;
    if (written.ok) {
      successes++;
      if (
        successes > SUCCESSES_MAX &&
        !(await troubles.endure(ownError("UpdateWithoutEffect", `updates of VM ${vm.name} succeed, but its disks do not change`), open, lane))
      )
        return;
    } else if (isWorthRetrying(written.failure)) {
      if (!(await troubles.endure(written.failure, open, lane))) return;
    } else {
      await isolate(session, vm, { writers: allowed.map(({ request }) => request), error: written.failure }, lifetime);
    }
  }
}

/** The disk at fault must not fail the others: parts of the batch are tried by themselves, down to single disks. */
async function isolate(
  session: ArmSession,
  vm: VmTarget,
  failed: { readonly writers: readonly VmRequest[]; readonly error: ArmError },
  lifetime: AbortSignal,
): Promise<void> {
  const [only, ...others] = failed.writers;
  if (only !== undefined && others.length === 0) {
    only.settle(fail(toFailure(failed.error, { diskUri: only.spec.diskUri, nodeName: only.spec.node.nodeName })));
    return;
  }
  for (const part of splitBatch(failed.writers, (request) => isNamedBy(failed.error, request))) await runAttachBatch(session, vm, part, lifetime);
}

/** Settles what the model says is so already; answers what needs a write. */
async function settleFromModel(session: ArmSession, model: ArmVm, open: readonly VmRequest[], signal: AbortSignal): Promise<readonly Planned[]> {
  const present = open.filter((request) => {
    if (request.spec.node.vmId.toLowerCase() === model.vmId) return true;
    request.settle(ok({ kind: "instanceReplaced", vmId: model.vmId }));
    return false;
  });
  const planned = planVmUpdate({
    entries: model.dataDisks.map((entry) => ({ diskKey: diskKeyOf(entry), lun: entry.lun, toBeDetached: entry.toBeDetached === true })),
    dataDisksMax: dataDisksMaxOf(model.vmSize),
    wishes: present.map((request) => ({ kind: request.kind === "attach" ? ("attach" as const) : ("detach" as const), diskKey: request.diskKey, request })),
  });
  const toWrite: Planned[] = [];
  for (const { wish, outcome } of planned) {
    const { request } = wish;
    if (outcome.kind === "attached") {
      if (model.provisioningState === "Succeeded" || (await diskAgrees(session, { request, model }, signal)))
        request.settle(ok({ kind: "attached", lun: outcome.lun }));
      else toWrite.push({ request, outcome });
    } else if (outcome.kind === "detached") request.settle(ok({ kind: "detached" }));
    else if (outcome.kind === "noFreeLun")
      request.settle(fail({ kind: "NoFreeLun", nodeName: request.spec.node.nodeName, lunsMax: dataDisksMaxOf(model.vmSize) }));
    else if (outcome.kind !== "later") toWrite.push({ request, outcome });
  }
  return toWrite;
}

/** A VM whose last operation did not succeed may list a disk that never reached it: then the disk has the last word. */
async function diskAgrees(session: ArmSession, asked: { readonly request: VmRequest; readonly model: ArmVm }, signal: AbortSignal): Promise<boolean> {
  const owners = await diskOwners(session, { diskUri: asked.request.spec.diskUri, lane: asked.request.lane }, signal);
  return owners.ok && owners.value.some((owner) => isSameArmId(owner, asked.model.id));
}

/** The whole list of data disks as it is to be: ARM detaches what a list leaves out, so every entry that was read is in it. */
function listWith(model: ArmVm, planned: readonly Planned[]): readonly ArmDataDisk[] {
  const off = new Set(planned.filter(({ outcome }) => outcome.kind === "detach" || outcome.kind === "finishDetach").map(({ request }) => request.diskKey));
  const kept = model.dataDisks.map((entry) => (off.has(diskKeyOf(entry)) ? leaving(entry, { force: false }) : entry));
  const added = planned.flatMap(({ request, outcome }) => (outcome.kind === "attach" ? [entering(request, outcome.lun)] : []));
  return [...kept, ...added];
}

function entering(request: VmRequest, lun: number): ArmDataDisk {
  const name = parseArmId(request.spec.diskUri)?.name;
  return {
    lun,
    ...(name === undefined ? {} : { name }),
    createOption: "Attach",
    caching: request.spec.cachingMode,
    managedDisk: { id: request.spec.diskUri },
    toBeDetached: false,
  };
}

/** Whether Azure's words name this disk: `Disk 'pvc-1' …`, or its whole id. */
function isNamedBy(error: ArmError, request: VmRequest): boolean {
  const words = [error.message, ...error.details.map((detail) => detail.message)]
    .join(" ")
    .toLowerCase()
    .split(/[\s'",()]+/);
  const name = parseArmId(request.spec.diskUri)?.name.toLowerCase();
  return words.some((word) => word.replace(/\.$/, "") === name || word.replace(/\.$/, "") === request.diskKey);
}

function isUpdating(model: ArmVm): boolean {
  return model.provisioningState === "Updating";
}

function settleAll(requests: readonly VmRequest[], answer: (request: VmRequest) => Parameters<VmRequest["settle"]>[0]): void {
  for (const request of requests) request.settle(answer(request));
}
