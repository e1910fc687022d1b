import type { CsiMethod } from "./csi-method.ts";

/** Allowed for any call: work that continues, or another component's failure. */
const ALWAYS = ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "PERMISSION_DENIED"];

/**
 * What else CSI allows for well-formed requests that are repeated unchanged, as these are. `NOT_FOUND`
 * from ControllerUnpublishVolume is not among them, although CSI has it: external-attacher takes it for
 * success. Nor is a reached limit (`RESOURCE_EXHAUSTED`) of a change or a snapshot: csi-resizer and
 * csi-snapshotter take it for work that may continue, and their users could not take the request back.
 */
const ALLOWED: Readonly<Record<CsiMethod, readonly string[]>> = {
  createVolume: ["RESOURCE_EXHAUSTED"],
  deleteVolume: ["FAILED_PRECONDITION"],
  controllerPublishVolume: ["NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"],
  controllerUnpublishVolume: ["FAILED_PRECONDITION"],
  controllerExpandVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  controllerModifyVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  createSnapshot: ["NOT_FOUND", "FAILED_PRECONDITION"],
  deleteSnapshot: ["FAILED_PRECONDITION"],
  nodeStageVolume: ["NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"],
  nodeUnstageVolume: ["FAILED_PRECONDITION"],
  nodePublishVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  nodeUnpublishVolume: ["FAILED_PRECONDITION"],
  nodeExpandVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  nodeGetInfo: [],
};

/**
 * Whether a call may be answered so. INTERNAL is a command or a request to Azure that failed for no known
 * reason, or a handler that threw, and no fault justifies that. Commands that faults disturb run out of
 * time or find the disk gone, which have codes of their own; so has every response of Azure about disks.
 * Its responses about VMs stay in AzVolumeAttachments.
 */
export function refusalIsAllowed(method: CsiMethod, code: string): boolean {
  return ALWAYS.includes(code) || ALLOWED[method].includes(code);
}
