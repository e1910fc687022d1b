import { isSameResourceUri, resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import type { Failure } from "../core/failure/failure.ts";
import { type Result, fail, ok } from "../core/failure/result.ts";
import { replacedDisk } from "../core/volume/replaced-disk.ts";
import type { AttachedDisk, CloudProvisioner, FenceProof } from "../ports/cloud/cloud-provisioner.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import { withTimeout } from "../runtime/with-timeout.ts";
import type { ArmDisk } from "./arm/arm-api.ts";
import { toFailure } from "./arm/error-table.ts";
import type { BoundedCache } from "./bounded-cache.ts";
import { ownersOf, readDisk } from "./disk/disk-owners.ts";
import { whileSameDiskToAttach } from "./disk/while-same-disk.ts";
import type { KeyedMutex } from "./keyed-mutex.ts";
import type { OnVm } from "./request-target.ts";
import { proveMissingVmGone, type GoneContext } from "./vm/instance/prove-gone.ts";
import type { VmQueues } from "./vm/vm-queues.ts";
import type { VmAnswer, VmRequest, VmRequestSpec } from "./vm/vm-request.ts";

/** Tries of an attach that Azure refuses with an owner that the disk does not name. */
const CLASH_TRIES_MAX = 4;

/**
 * For how long a first attach of a shared disk keeps the next one back, at most: Azure has its update within
 * seconds, and refuses another one only within 200 ms of it. One that hangs must not hold the others up.
 */
const FIRST_ATTACH_LEAD_MS = 3000;

/** The collaborators of attaches and detaches. */
export interface AttachmentContext extends GoneContext {
  readonly queues: VmQueues;
  /** First attaches of a shared disk begin one by one: two within 200 ms make Azure refuse one of them. */
  readonly firstAttaches: KeyedMutex;
  /** Disks that were read lately: good enough to start an attach, never to refuse it. */
  readonly disks: BoundedCache<ArmDisk>;
}

type AttachRequest = Parameters<CloudProvisioner["attachDisk"]>[0] & OnVm;
type DetachRequest = Parameters<CloudProvisioner["detachDisk"]>[0] & OnVm;
type BarrierRequest = Parameters<CloudProvisioner["barrier"]>[0] & OnVm;

/**
 * Attaches a disk. Reads it first: a disk that can't be attached must neither use up one of the VM's
 * few updates, nor fail a batch.
 */
export async function attachDisk(
  context: AttachmentContext,
  request: AttachRequest,
  signal: AbortSignal,
): Promise<Result<AttachedDisk>> {
  const { session } = context;
  for (let attempt = 1; ; attempt++) {
    const attached = await attachOnce(context, request, signal);
    // Azure contradicts the disk itself: the clash of two first attaches, or a disk that was just
    // detached. The next read shows which.
    if (attached.ok || attached.failure.kind !== "DiskAttachedElsewhere" || attempt >= CLASH_TRIES_MAX)
      return attached;
    await session.backOff(attempt, signal);
  }
}

async function attachOnce(
  context: AttachmentContext,
  request: AttachRequest,
  signal: AbortSignal,
): Promise<Result<AttachedDisk>> {
  // Disks requested together are attached together, though their reads end one after the other.
  const arrived = context.queues.announce(request.vm);
  try {
    const known = context.disks.get(resourceUriKey(request.diskUri));
    const disk =
      known !== undefined && obstacleTo(request, known) === undefined
        ? ok(known)
        : await readDisk(context.session, request, signal);
    if (!disk.ok) return fail(toFailure(disk.failure, { diskUri: request.diskUri }));
    const obstacle = obstacleTo(request, disk.value);
    if (obstacle !== undefined) return fail(obstacle);
    const isFirst = disk.value.maxShares > 1 && ownersOf(disk.value).length === 0;
    // The queue of the VM may be long: another disk may have the name when the turn comes. The batch, and a
    // fence behind it, wait for no budget.
    const { diskUri, lane } = request;
    const precondition = whileSameDiskToAttach(request, context.session.clock, (callSignal) =>
      readDisk(context.session, { diskUri, lane, patience: "none" }, callSignal),
    );
    const asked = { ...request, precondition };
    const attaching = isFirst
      ? attachFirst(context, asked, signal)
      : submit(context, { ...asked, kind: "attach" }, signal);
    arrived();
    return attachedDiskIn(await attaching, request);
  } finally {
    arrived();
  }
}

async function attachFirst(
  context: AttachmentContext,
  request: AttachRequest,
  signal: AbortSignal,
): VmRequest["answer"] {
  const begun = await context.firstAttaches.run(
    resourceUriKey(request.diskUri),
    async () => {
      const answer = attachInTurn(context, request, signal);
      const untilAnswered = (isOver: AbortSignal): Promise<unknown> =>
        unlessAborted(answer, isOver).catch(() => undefined);
      await withTimeout(context.session.clock, FIRST_ATTACH_LEAD_MS, untilAnswered, signal);
      return { answer };
    },
    signal,
  );
  return begun.answer;
}

/** While this attach waited for its turn, another one came first, so it may not be the first any more. */
async function attachInTurn(
  context: AttachmentContext,
  request: AttachRequest,
  signal: AbortSignal,
): VmRequest["answer"] {
  const disk = await readDisk(context.session, request, signal);
  if (!disk.ok) return fail(toFailure(disk.failure, { diskUri: request.diskUri }));
  const obstacle = obstacleTo(request, disk.value);
  return obstacle === undefined ? submit(context, { ...request, kind: "attach" }, signal) : fail(obstacle);
}

function attachedDiskIn(
  answer: Result<VmAnswer>,
  { node: { nodeName } }: AttachRequest,
): Result<AttachedDisk> {
  if (!answer.ok) return answer;
  const { value } = answer;
  if (value.kind === "attached") {
    const { kind: _, ...attached } = value;
    return ok(attached);
  }
  if (value.kind === "instanceReplaced")
    return fail({ kind: "InstanceReplaced", nodeName, vmId: value.vmId });
  if (value.kind === "instanceGone") return fail({ kind: "InstanceNotFound", nodeName });
  throw new Error(`an attach was answered ${value.kind}`);
}

/** Why the disk is not the one that is meant, or why Azure would refuse the attach by its state. */
function obstacleTo(request: AttachRequest, disk: ArmDisk): Failure | undefined {
  const replaced = replacedDisk(request, disk);
  if (replaced !== undefined) return replaced;
  const attachedTo = ownersOf(disk);
  if (
    attachedTo.some((owner) => isSameResourceUri(owner, request.vm.uri)) ||
    attachedTo.length < disk.maxShares
  )
    return undefined;
  if (disk.maxShares > 1) return { kind: "NoFreeShare", diskUri: request.diskUri, maxShares: disk.maxShares };
  return { kind: "DiskAttachedElsewhere", diskUri: request.diskUri, attachedTo };
}

/**
 * Detaches a disk. If the VM is not at its resource id any more, the disk counts as detached once that
 * VM is proven to be gone.
 */
export async function detachDisk(
  context: AttachmentContext,
  request: DetachRequest,
  signal: AbortSignal,
): Promise<Result<void>> {
  // A disk that may be detached may be detached by force.
  const spec = {
    ...request,
    kind: "detach",
    cachingMode: "None",
    forcePrecondition: request.precondition,
  } as const;
  const answer = await submit(context, spec, signal);
  if (!answer.ok) return answer;
  const { value } = answer;
  if (value.kind !== "instanceGone" && value.kind !== "instanceReplaced") return ok(undefined);
  const proof = await proveMissingVmGone(context, request, value, signal);
  return proof.ok ? ok(undefined) : proof;
}

/** Moves a VM's ETag, and detaches or proves as the mode says. Undefined: no proof, as the port documents. */
export async function barrier(
  context: AttachmentContext,
  request: BarrierRequest,
  signal: AbortSignal,
): Promise<Result<FenceProof | undefined>> {
  const spec = { ...request, kind: request.mode, lane: "failover", cachingMode: "None" } as const;
  const answer = await submit(context, spec, signal);
  if (!answer.ok) return answer;
  if (answer.value.kind === "proven") return ok(answer.value.proof);
  const { kind } = answer.value;
  if (kind === (request.mode === "flush" ? "flushed" : "listed") && request.mode !== "fence")
    return ok(undefined);
  throw new Error(`a barrier of mode ${request.mode} was answered ${kind}`);
}

/**
 * Writes through the VM's queue. The cached disk changes with it: it is dropped before, and again after,
 * since it may have been read during the write.
 */
async function submit(
  { queues, disks }: AttachmentContext,
  { vm, ...spec }: VmRequestSpec & OnVm,
  signal: AbortSignal,
): VmRequest["answer"] {
  const key = resourceUriKey(spec.diskUri);
  disks.drop(key);
  try {
    return await queues.submit(vm, spec, signal).answer;
  } finally {
    disks.drop(key);
  }
}
