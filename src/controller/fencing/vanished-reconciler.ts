import { isSameVmId, type NodeIdentity } from "../../core/api/node-identity.ts";
import type { ObservedVolume } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri } from "../../core/azure/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { planWriter } from "../../core/writer/plan-writer.ts";
import { type CloudCheck, isCloudCheck } from "../../core/writer/writer-action.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";
import { executeWriterAction } from "../writer/execute-writer-action.ts";
import { confirmVanished } from "./confirm-vanished.ts";

/**
 * How often Azure is asked about the same volume's VMs, in milliseconds. At most three reads each time;
 * the deletion of a VM takes longer.
 */
const ASK_AGAIN_MS = 10_000;

/**
 * Asks Azure whether VMs that keep a volume from its next writer still exist and have the disk. Runs in a
 * loop of its own: the volume's loop never waits for Azure, and runs at each change of an attachment,
 * which a node may write as often as it likes. No change triggers a read before its time.
 */
export function vanishedReconciler(ports: FencingPorts): Reconciler {
  return {
    name: "vanished",
    workers: 16,
    backoff: { baseMs: 1_000, maxMs: ASK_AGAIN_MS },
    reconcile: (volumeName, signal) => checkVolume(ports, volumeName, signal),
  };
}

async function checkVolume(
  ports: FencingPorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const observed = observeVolume(ports, volumeName);
  const volumeId = observed?.volume.status?.detail?.diskUri;
  if (observed === undefined || volumeId === undefined) return ok({});
  const checks = planWriter(observed).filter(isCloudCheck);
  for (const { kind, node } of checks) {
    const checked = await carryOut(ports, observed, { volumeName, volumeId, kind, node }, signal);
    if (!checked.ok && checked.failure.kind !== "NotWriter") return checked;
  }
  return ok(checks.length === 0 ? {} : { againAfterMs: ASK_AGAIN_MS });
}

function carryOut(
  ports: FencingPorts,
  observed: ObservedVolume,
  {
    volumeName,
    volumeId,
    kind,
    node,
  }: CloudCheck & { readonly volumeName: string; readonly volumeId: string },
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  switch (kind) {
    case "ConfirmVanished":
      return confirmVanished(ports, { volumeName, volumeId }, node, signal);
    case "ConfirmDetached":
      return fenceIfDetached(ports, observed, { volumeId, node }, signal);
    case "FenceIfOff":
      return fenceIfOff(ports, observed, node, signal);
    case "RevokeIfMoved":
      return revokeIfMoved(ports, observed, node, signal);
    default:
      return unreachable(kind);
  }
}

/** A stopped VM writes nothing; a running one may, whichever VM has its name. */
async function fenceIfOff(
  ports: FencingPorts,
  observed: ObservedVolume,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const instance = await ports.cloud.inspectInstance(node, signal);
  if (!instance.ok) return instance.failure.kind === "InstanceNotFound" ? ok({}) : instance;
  const { vmId, powerState } = instance.value;
  const isOff = powerState === "stopped" || powerState === "deallocated";
  if (!isOff || !isSameVmId(vmId, node.vmId)) return ok({});
  const because = `the VM ${node.instanceUri} is ${powerState}, and its node is another VM by now`;
  return executeWriterAction(ports, observed, { kind: "BeginFence", node, ground: "off", because }, signal);
}

/**
 * A node's token may report any `vmId`: only what Azure shows at the resource id that its Node names
 * proves that the writer's VM has moved there.
 */
async function revokeIfMoved(
  ports: FencingPorts,
  observed: ObservedVolume,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const instance = await ports.cloud.inspectInstance(node, signal);
  if (!instance.ok) return instance.failure.kind === "InstanceNotFound" ? ok({}) : instance;
  if (!isSameVmId(instance.value.vmId, node.vmId)) return ok({});
  return executeWriterAction(ports, observed, { kind: "Revoke" }, signal);
}

/**
 * Detaches nothing: the fence checks who uses the volume there, proves that the disk is not there, and
 * keeps others from attaching it there.
 */
async function fenceIfDetached(
  ports: FencingPorts,
  observed: ObservedVolume,
  { volumeId, node }: { readonly volumeId: string; readonly node: NodeIdentity },
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const instance = await ports.cloud.inspectInstance(node, signal);
  if (!instance.ok) return instance;
  const { vmId, dataDisks } = instance.value;
  // A replaced VM is handled like one that may be gone; where the disk is listed, recovery creates the
  // missing attachment.
  if (!isSameVmId(vmId, node.vmId) || dataDisks.some(({ diskUri }) => isSameResourceUri(diskUri, volumeId)))
    return ok({});
  const because = "it has no AzVolumeAttachment to be recalled through, and its VM does not have the disk";
  return executeWriterAction(
    ports,
    observed,
    { kind: "BeginFence", node, ground: "stalled", because },
    signal,
  );
}
