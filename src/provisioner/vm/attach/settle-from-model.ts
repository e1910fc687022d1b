import { LUNS_MAX } from "../../../core/azure/choose-lun.ts";
import { isSameResourceUri } from "../../../core/azure/disk-uri.ts";
import { planVmUpdate } from "../../../core/azure/plan-vm-update.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { ArmVm } from "../../arm/arm-api.ts";
import type { ArmSession } from "../../arm/arm-session.ts";
import { diskKeyOf } from "../../disk/disk-key.ts";
import { diskOwners } from "../../disk/disk-owners.ts";
import type { VmRequest } from "../vm-request.ts";
import type { VmSizes } from "../vm-sizes.ts";
import type { FailedAttaches } from "./failed-attaches.ts";
import type { Planned } from "./planned-list.ts";

/** What a look at the model needs besides it. */
interface SettleContext {
  readonly session: ArmSession;
  readonly sizes: VmSizes;
  readonly failedAttaches: FailedAttaches;
}

/**
 * Answers the requests that the model already satisfies; returns those that need a write. The model was
 * read before the `late` requests came, so it answers none of them: it only lets them take part in the
 * write, which Azure refuses if the VM has changed. The others of them are `unanswered`.
 */
export async function settleFromModel(
  { session, sizes, failedAttaches }: SettleContext,
  {
    model,
    open,
    late,
  }: { readonly model: ArmVm; readonly open: readonly VmRequest[]; readonly late: readonly VmRequest[] },
  signal: AbortSignal,
): Promise<{ readonly toWrite: readonly Planned[]; readonly unanswered: readonly VmRequest[] }> {
  const present = [...open, ...late].filter((request) => {
    if (request.spec.node.vmId.toLowerCase() === model.vmId) return true;
    if (!late.includes(request)) request.settle(ok({ kind: "instanceReplaced", vmId: model.vmId }));
    return false;
  });
  const unanswered = late.filter((request) => !present.includes(request));
  // For an unknown size, Azure itself refuses too many disks.
  const dataDisksMax = (await sizes.dataDisksMax(model)) ?? LUNS_MAX;
  const planned = planVmUpdate({
    entries: model.dataDisks.map((entry) => ({
      diskKey: diskKeyOf(entry),
      lun: entry.lun,
      toBeDetached: entry.toBeDetached === true,
    })),
    reservedLuns: present.flatMap((request) => request.spec.reservedLuns?.() ?? []),
    dataDisksMax,
    wishes: present.map((request) => ({
      kind: request.kind === "attach" ? ("attach" as const) : ("detach" as const),
      diskKey: request.diskKey,
      request,
    })),
  });
  const toWrite: Planned[] = [];
  for (const { wish, outcome } of planned) {
    const { request } = wish;
    if (late.includes(request)) {
      if (outcome.kind === "attach" || outcome.kind === "detach") toWrite.push({ request, outcome });
      else unanswered.push(request);
    } else if (outcome.kind === "attached") {
      if (
        model.provisioningState === "Succeeded" ||
        (await isNamedByDisk(session, { request, model }, signal)) === true
      ) {
        failedAttaches.attached(request.diskKey);
        request.settle(ok({ kind: "attached", lun: outcome.lun }));
      } else toWrite.push({ request, outcome });
    } else if (outcome.kind === "detached") request.settle(ok({ kind: "detached" }));
    else if (outcome.kind === "noFreeLun")
      request.settle(
        fail({ kind: "NoFreeLun", nodeName: request.spec.node.nodeName, lunsMax: dataDisksMax }),
      );
    else if (outcome.kind !== "later") toWrite.push({ request, outcome });
  }
  return { toWrite, unanswered };
}

/**
 * Whether the request's disk names the VM as an owner; undefined where its read fails. A VM whose last
 * operation did not succeed may list a disk that never reached it: then the disk decides.
 */
async function isNamedByDisk(
  session: ArmSession,
  asked: { readonly request: VmRequest; readonly model: ArmVm },
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const owners = await diskOwners(
    session,
    { diskUri: asked.request.spec.diskUri, lane: asked.request.lane },
    signal,
  );
  return owners.ok ? owners.value.some((owner) => isSameResourceUri(owner, asked.model.id)) : undefined;
}
