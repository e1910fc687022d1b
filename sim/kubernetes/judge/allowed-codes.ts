import type { CsiMethod } from "./csi-method.ts";

/** May come from any call: work that goes on, somebody else's fault, or a limit that is reached. */
const ALWAYS = ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED"];

/**
 * What else CSI allows for requests that are well-formed and repeated unchanged, as these are. `NOT_FOUND` from ControllerUnpublishVolume is not among them, although CSI has it: external-attacher
 * takes it for success.
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

/** Whether a call may be answered so. `INTERNAL` may be a command or a request to Azure that failed for no known reason; a handler that threw is never right. */
export function refusalIsAllowed(method: CsiMethod, { code, message }: { readonly code: string; readonly message: string }): boolean {
  if (code === "INTERNAL") return !message.startsWith("a bug in the driver");
  return ALWAYS.includes(code) || ALLOWED[method].includes(code);
}
