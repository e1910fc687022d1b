import type { FaultName } from "./fault-names.ts";

/** Trouble that the driver, or the model around it, is known not to come through yet. */
interface NotYet {
  readonly fault: FaultName;
  readonly variant: string;
  readonly because: string;
}

/** Left out unless `--faults` asks for the class by name; told in every summary. */
export const notYet: readonly NotYet[] = [
  {
    fault: "loss",
    variant: "attachments-erased",
    because:
      "an attach that lands after its object was erased, finalizers and all, leaves a disk on a VM of which no object says so: it keeps its share for good",
  },
  { fault: "loss", variant: "everything-erased", because: "as loss/attachments-erased" },
  {
    fault: "loss",
    variant: "attachments-deleted",
    because:
      "a writer's attachment that is deleted by hand goes only once it is no writer any more; if its pod comes back to that node, the pod's use keeps the grant, and the leaving attachment keeps it from being taken",
  },
  { fault: "loss", variant: "everything-deleted", because: "as loss/attachments-deleted" },
  {
    fault: "disks",
    variant: "replica-detached-outside",
    because: "a standby whose disk somebody else took off is said to be attached until it is to become the writer: nobody compares standbys with Azure",
  },
  { fault: "disks", variant: "lun-moved", because: "as disks/replica-detached-outside" },
  { fault: "disks", variant: "detached-outside", because: "as disks/replica-detached-outside, where the pod moves before anybody has noticed" },
];

/** Whether a variant is left out by default. */
export function isNotYet(fault: FaultName, variant: string): boolean {
  return notYet.some((known) => known.fault === fault && known.variant === variant);
}
