import { parseArmId } from "../../../core/azure/arm-id.ts";
import type { WishOutcome } from "../../../core/azure/plan-vm-update.ts";
import { sizeClassOf } from "../../../core/azure/spaced-poll-delay.ts";
import type { ArmDataDisk, ArmVm } from "../../arm/arm-api.ts";
import type { OperationLikeness } from "../../arm/arm-session.ts";
import { diskKeyOf } from "../../disk/disk-key.ts";
import type { VmRequest } from "../vm-request.ts";
import { leaving } from "../vm-update.ts";
import type { Leftovers } from "./find-leftovers.ts";

/** A request with what the plan made of it. */
export interface Planned {
  readonly request: VmRequest;
  readonly outcome: WishOutcome;
}

/**
 * The whole target list of data disks: ARM detaches what a list leaves out, so every entry that was
 * read is in it, except one whose disk does not exist.
 */
export function listWith(
  model: ArmVm,
  planned: readonly Planned[],
  { leftovers, overdue }: { readonly leftovers: Leftovers; readonly overdue: ReadonlySet<string> },
): readonly ArmDataDisk[] {
  const off = new Set([
    ...leftovers.takenOff,
    ...planned.filter(takesOff).map(({ request }) => request.diskKey),
  ]);
  const kept = model.dataDisks
    .filter((entry) => !leftovers.leftOut.has(diskKeyOf(entry)))
    .map((entry) =>
      off.has(diskKeyOf(entry)) ? leaving(entry, { force: overdue.has(diskKeyOf(entry)) }) : entry,
    );
  const added = planned.flatMap(({ request, outcome }) =>
    outcome.kind === "attach" ? [entering(request, outcome.lun)] : [],
  );
  return [...kept, ...added];
}

/** Whether the next update detaches the disk of the request. */
export function takesOff({ outcome }: Planned): boolean {
  return outcome.kind === "detach" || outcome.kind === "finishDetach";
}

/** A detach takes longer than an attach of the same update, and one by force longest. */
export function likenessOf(planned: readonly Planned[], overdue: ReadonlySet<string>): OperationLikeness {
  const sizeClass = sizeClassOf(planned.length);
  const off = planned.filter(takesOff);
  if (off.some(({ request }) => overdue.has(request.diskKey))) return `vmForceDetach/${sizeClass}`;
  return off.length > 0 ? `vmDetach/${sizeClass}` : `vmAttach/${sizeClass}`;
}

function entering(request: VmRequest, lun: number): ArmDataDisk {
  const name = parseArmId(request.spec.diskUri)?.name;
  return {
    lun,
    ...(name === undefined ? {} : { name }),
    createOption: "Attach",
    caching: request.spec.cachingMode,
    ...(request.spec.writeAccelerator === true ? { writeAcceleratorEnabled: true } : {}),
    managedDisk: { id: request.spec.diskUri },
    toBeDetached: false,
  };
}
