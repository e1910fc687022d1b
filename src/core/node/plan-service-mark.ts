/** What is known of a node without asking Azure. */
export interface NodeService {
  /** The orchestrator receives nothing from the node's kubelet. One that reports to be unhealthy runs. */
  readonly isUnreachable: boolean;
  readonly isOutOfService: boolean;
  /** A controller of this driver has set the mark. */
  readonly isMarkedByDriver: boolean;
  /** How long this observer has seen no new heartbeat of the node plug-in, in milliseconds. */
  readonly heartbeatUnchangedMs: number;
}

export type ServiceStep =
  | { readonly kind: "Keep" }
  | { readonly kind: "LookAgain"; readonly afterMs: number }
  /** Read the node's VM, and mark the node if the VM is off. Otherwise look again after that time. */
  | { readonly kind: "InspectVm"; readonly requeueAfterMs: number }
  | { readonly kind: "Unmark" };

/** How soon Azure is asked again about a silent node's VM at first, in milliseconds. */
const ASK_AGAIN_MIN_MS = 10_000;
/** How late it is asked again at last, in milliseconds. */
const ASK_AGAIN_MAX_MS = 60_000;
/**
 * The time until Azure is asked again, as a part of the time for which the node has been silent. A zone of
 * 333 nodes whose VMs Azure shows as running takes 27 reads a second at first, 13 after 100 s and 5.5 after
 * four minutes, of Azure's 25 and a burst of 250; they wait behind the calls of fences and attaches.
 */
const ASK_AGAIN_PART = 1 / 4;

/**
 * Plans the next step of a node's out-of-service mark. Two witnesses must be silent before Azure is asked,
 * the kubelet and the node plug-in, and only a VM that is off is marked. A mark of the driver goes once the
 * kubelet reports again; the mark of a person is never removed.
 */
export function planServiceMark(
  { isUnreachable, isOutOfService, isMarkedByDriver, heartbeatUnchangedMs }: NodeService,
  { heartbeatStaleMs }: { readonly heartbeatStaleMs: number },
): ServiceStep {
  if (isOutOfService) return isMarkedByDriver && !isUnreachable ? { kind: "Unmark" } : { kind: "Keep" };
  if (!isUnreachable) return { kind: "Keep" };
  const leftMs = heartbeatStaleMs - heartbeatUnchangedMs;
  if (leftMs > 0) return { kind: "LookAgain", afterMs: leftMs };
  const requeueAfterMs = heartbeatUnchangedMs * ASK_AGAIN_PART;
  return {
    kind: "InspectVm",
    requeueAfterMs: Math.min(Math.max(requeueAfterMs, ASK_AGAIN_MIN_MS), ASK_AGAIN_MAX_MS),
  };
}
