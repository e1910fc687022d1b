import { isSameResourceUri, resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { saysDiskGone } from "../../../core/volume/says-disk-gone.ts";
import { nodesNotOnlyClean } from "../../../core/writer/record/record-nodes.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import type { ControllerContext } from "../controller-context.ts";

/** A volume whose disk can't be read, and the node that it is unpublished from. */
interface UnreadableTarget {
  readonly volumeId: string;
  readonly nodeName: string;
  readonly unreadable: Failure;
}

/** Whether the driver may not read a disk until a person changes something: it is no transient failure. */
export function isUnreadable({ kind }: Failure): boolean {
  return kind === "CloudUnauthorized" || kind === "InvalidArgument" || kind === "CloudRejected";
}

/**
 * Whether a disk without an AzVolume, which the driver may not read, is off a node: such a disk was never
 * published by it, and a VolumeAttachment would wait for ever. The node's VM must list no entry for the disk,
 * or be gone, and so must each earlier VM of the node's name that objects of other volumes name: a person may
 * have kept it. Where no object names the node's VM, the disk must never have been attached there, and the
 * Node be gone. The objects are read last, past the cache: without an AzVolume no controller has had the
 * disk attached by then. Fails with `unreadable` where any of this is not shown, and as Azure or the store
 * does.
 */
export async function confirmOffVm(
  context: ControllerContext,
  { volumeId, nodeName, unreadable }: UnreadableTarget,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { users, cache, inspectInstance, store } = context;
  const known = [users.cachedNode(nodeName), cache.get("AzDriverNode", nodeName)?.status];
  const present = known.flatMap((node) => node?.instanceUri ?? []);
  if (nodeName === "") return fail(unreadable);
  // Which VMs may have the disk, only the disk would show. None has one whose resource group does not exist.
  const mayBeOnVm =
    present.length === 0 &&
    !saysDiskGone(unreadable) &&
    !(await wasNeverAttached(context, { volumeId, nodeName }, signal));
  if (mayBeOnVm) return fail(unreadable);
  for (const instanceUri of distinctUris([...present, ...earlierVms(cache, nodeName)])) {
    const vm = await inspectInstance({ nodeName, instanceUri, lane: "detach" }, signal);
    if (!vm.ok && vm.failure.kind !== "InstanceNotFound") return vm;
    // An entry that is being detached counts, too.
    if (vm.ok && vm.value.dataDisks.some(({ diskUri }) => isSameResourceUri(diskUri, volumeId)))
      return fail(unreadable);
  }
  const attachment = await readAttachment(store, { diskUri: volumeId, nodeName }, signal);
  if (attachment.ok) return fail(unreadable);
  if (attachment.failure.kind !== "ObjectNotFound") return attachment;
  const volume = await readVolume(context, volumeId, signal);
  if (volume.ok) return fail(unreadable);
  return volume.failure.kind === "VolumeNotFound" ? ok(undefined) : volume;
}

/**
 * Whether no object names the VM of a node, past the cache, and the orchestrator's attachment of the volume
 * there has never succeeded. A later publish on any node reads the disk first, and its owners with it.
 */
async function wasNeverAttached(
  { clusterVolumes, store }: ControllerContext,
  { volumeId, nodeName }: Omit<UnreadableTarget, "unreadable">,
  signal: AbortSignal,
): Promise<boolean> {
  if (clusterVolumes.attachmentOn(volumeId, nodeName)?.isAttached !== false) return false;
  const driverNode = await store.get("AzDriverNode", nodeName, signal);
  if (driverNode.ok || driverNode.failure.kind !== "ObjectNotFound") return false;
  return (await clusterVolumes.nodePresence(nodeName, signal)) === "gone";
}

/** The VMs that attachments and records of any volume name under a node's name. */
function earlierVms(cache: ControllerContext["cache"], nodeName: string): readonly string[] {
  const attached = cache.byIndex("AzVolumeAttachment", "nodeName", nodeName);
  const recorded = cache
    .byIndex("AzVolume", "recordedOn", nodeName)
    .flatMap(({ status }) => (status?.record === undefined ? [] : nodesNotOnlyClean(status.record)))
    .filter((node) => node.nodeName === nodeName);
  return [...attached.map(({ status }) => status), ...recorded].flatMap((vm) => vm?.instanceUri ?? []);
}

function distinctUris(uris: readonly string[]): readonly string[] {
  return [...new Map(uris.toReversed().map((uri) => [resourceUriKey(uri), uri])).values()].toReversed();
}
