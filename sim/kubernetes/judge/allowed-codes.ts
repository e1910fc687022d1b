import type { CsiMethod } from "./csi-method.ts";

/** May come from any call: work that goes on, somebody else's fault, or a limit that is reached. */
const ALWAYS = [
  "CANCELLED",
  "DEADLINE_EXCEEDED",
  "UNAVAILABLE",
  "ABORTED",
  "RESOURCE_EXHAUSTED",
  "PERMISSION_DENIED",
];

/**
 * What else CSI allows for requests that are well-formed and repeated unchanged, as these are. `NOT_FOUND`
 * from ControllerUnpublishVolume is not among them, although CSI has it: external-attacher takes it for
 * success.
 */
const ALLOWED: Readonly<Record<CsiMethod, readonly string[]>> = {
  createVolume: [],
  deleteVolume: ["FAILED_PRECONDITION"],
  controllerPublishVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  controllerUnpublishVolume: ["FAILED_PRECONDITION"],
  controllerExpandVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  nodeStageVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  nodeUnstageVolume: ["FAILED_PRECONDITION"],
  nodePublishVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  nodeUnpublishVolume: ["FAILED_PRECONDITION"],
  nodeExpandVolume: ["NOT_FOUND", "FAILED_PRECONDITION"],
  nodeGetInfo: [],
};

/**
 * Whether a call may be answered so. INTERNAL is a command or a request to Azure that failed for no known
 * reason, or a handler that threw, and no fault makes that right. Commands that faults disturb run out of
 * time or find the disk gone, which have codes of their own; so has all that Azure answers about disks.
 * What it answers about VMs stays in AzVolumeAttachments.
 */
export function refusalIsAllowed(method: CsiMethod, code: string): boolean {
  return ALWAYS.includes(code) || ALLOWED[method].includes(code);
}
