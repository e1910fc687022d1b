import type { Failure } from "../core/failure.ts";
import { isSameResourceUri } from "../core/model/disk-uri.ts";
import { isForeign, type NodeIdentity } from "../core/model/node-identity.ts";
import { clearVanished, fenceIntent, identify, unwant } from "../core/plan/writer-steps.ts";
import { ok, type Result } from "../core/result.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { forgetAttach } from "./forget-attach.ts";
import { moveRecord } from "./move-record.ts";
import { nodeNameOf } from "./node-name-of.ts";

/**
 * Asks the platform whether a node's VM is gone: what it had open died with it. A holder whose VM is nowhere to be found is freed only by a fence, which proves that
 * once more; one whose resource id belongs to another VM by now, with proof at once.
 */
export async function confirmVanished(
  ports: ControllerPorts,
  { volumeName, volumeId }: { readonly volumeName: string; readonly volumeId: string },
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const { cloud, cache } = ports;
  if (isForeign(node)) return identifyOrConfirm(ports, volumeName, node, signal);
  const vanished = await cloud.proveVanished({ diskUri: volumeId, node }, signal);
  if (!vanished.ok) return vanished;
  if (vanished.value === undefined) {
    if (cache.get("AzDriverNode", node.nodeName) !== undefined) return ok({});
    // A VM on which no plug-in runs: nothing there can show anything.
    const instance = await cloud.inspectInstance(node, signal);
    if (!instance.ok) return instance;
    const isListed = instance.value.dataDisks.some(({ diskUri }) => isSameResourceUri(diskUri, volumeId));
    return isListed ? ok({}) : confirmDetachedByOthers(ports, volumeName, node, signal);
  }
  const { kind } = vanished.value;
  const forgotten = await forgetAttach(ports.store, { diskUri: volumeId, node }, signal);
  if (!forgotten.ok) return forgotten;
  if (kind === "instanceReplaced")
    return moveRecord(ports, { volumeName, nodeName: node.nodeName, step: "fence-clear" }, (record) => clearVanished(record, node), signal);
  return moveRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "fence-intent" },
    (record) => {
      const unwanted = unwant(record, node);
      const freed = fenceIntent(unwanted.ok ? unwanted.value : record, node);
      // Neither writer nor unproven: only an entry in quarantine is left of it, which nobody will take out.
      return freed.ok ? freed : clearVanished(record, node);
    },
    signal,
  );
}

/** A VM that was known by its resource id alone may be that of a node that has registered since: then the node shows what it does with the disk. */
async function identifyOrConfirm(ports: ControllerPorts, volumeName: string, unknown: NodeIdentity, signal: AbortSignal): Promise<Result<unknown, Failure>> {
  const { instanceUri } = unknown;
  const nodeName = nodeNameOf(ports, instanceUri);
  const instance = nodeName === undefined ? undefined : await ports.cloud.inspectInstance({ nodeName, instanceUri }, signal);
  if (nodeName === undefined || instance?.ok !== true) return confirmDetachedByOthers(ports, volumeName, unknown, signal);
  const node = { nodeName, vmId: instance.value.vmId, instanceUri };
  return moveRecord(ports, { volumeName, nodeName, step: "identify" }, (record) => identify(record, unknown, node), signal);
}

/** A VM that is no node of ours is never cut off; once its owner has taken the disk off it, the disk itself no longer names it. */
async function confirmDetachedByOthers(ports: ControllerPorts, volumeName: string, node: NodeIdentity, signal: AbortSignal): Promise<Result<unknown, Failure>> {
  const volume = await ports.store.get("AzVolume", volumeName, signal);
  if (!volume.ok) return volume;
  const diskUri = volume.value.status?.detail?.diskUri;
  if (diskUri === undefined) return ok({});
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  // A disk that is gone is on no VM; one that may be a node of ours says so itself.
  if (!disk.ok && !(disk.failure.kind === "DiskNotFound" && isForeign(node))) return disk;
  if (disk.ok && disk.value.attachedTo.some((instanceUri) => isSameResourceUri(instanceUri, node.instanceUri))) return ok({});
  return moveRecord(ports, { volumeName, nodeName: node.nodeName, step: "fence-clear" }, (record) => clearVanished(record, node), signal);
}
