import type { AzVolume } from "../../core/api/az-volume.ts";
import { type NodeIdentity, isSameVmId } from "../../core/api/identity/node-identity.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { type AttachmentOfNode, type OrphanStep, planOrphan } from "../../core/node/plan-orphan.ts";
import { ASK_AGAIN_MS } from "../../core/writer/recheck-pace.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { ClusterAttachment } from "../../ports/cluster/cluster-volumes.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { tryEach } from "../try-each.ts";
import { proveVmGone } from "./ask-if-gone.ts";

/** Orphans of one node that are examined in parallel: each asks Azure about the VM and the disk. */
const EXAMINED_AT_ONCE = 8;

/**
 * Deletes the orchestrator's attachments to nodes whose Node and VM are gone, once no pod there uses the
 * volume. Kubernetes itself would keep each for six minutes more, as no kubelet says that it is unmounted.
 * Nothing is forced: the attacher keeps the object until ControllerUnpublishVolume has succeeded, and that
 * waits for its own proof.
 */
export function orphansReconciler(ports: FencingPorts): Reconciler {
  return {
    name: "orphans",
    workers: 4,
    // Of a zone that is down, Azure may show no VM: that keeps no node of another zone from being examined.
    slowAfterMs: ASK_AGAIN_MS,
    backoff: { baseMs: 1_000, maxMs: ASK_AGAIN_MS },
    reconcile: async (nodeName, signal) => {
      const { done, failed } = await tryEach(
        attachmentsOfGone(ports, nodeName),
        {
          attempt: (attachment) => examine(ports, attachment, signal),
          onFailure: ({ name }, failure) =>
            ports.logger.info("VolumeAttachment of a deleted Node stays", { attachment: name, failure }),
          logger: ports.logger,
          atOnce: EXAMINED_AT_ONCE,
        },
        signal,
      );
      if (failed !== undefined) return fail(failed);
      return ok(done.includes("LookAgain") ? { requeueAfterMs: ASK_AGAIN_MS } : {});
    },
  };
}

/** Whether a node is gone that has attachments: by caches, so only a hint. */
export function mayHaveOrphans(ports: OrphanPorts, nodeName: string): boolean {
  return attachmentsOfGone(ports, nodeName).length > 0;
}

/** The nodes of attachments that may be orphans, by caches. */
export function nodesWithOrphans(ports: OrphanPorts): ReadonlySet<string> {
  if (ports.attach === "driver") return new Set();
  const names = new Set(ports.clusterVolumes.attachments().map(({ nodeName }) => nodeName));
  return new Set([...names].filter((nodeName) => ports.users.cachedNode(nodeName).isGone));
}

type OrphanPorts = Pick<FencingPorts, "attach" | "clusterVolumes" | "users">;

/** With `attach: driver` there is no attacher, and `requests` releases what an earlier one has left. */
function attachmentsOfGone(
  { attach, clusterVolumes, users }: OrphanPorts,
  nodeName: string,
): readonly ClusterAttachment[] {
  if (attach === "driver" || !users.cachedNode(nodeName).isGone) return [];
  return clusterVolumes
    .attachments()
    .filter((attachment) => attachment.nodeName === nodeName && !attachment.isTerminating);
}

/** Asks what the plan asks for, until it decides. */
async function examine(
  ports: FencingPorts,
  cached: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<OrphanStep>> {
  const { cache, clusterVolumes, users } = ports;
  const { volumeId, nodeName } = cached;
  const volume = cache.byIndex("AzVolume", "diskUri", resourceUriKey(volumeId))[0];
  // The end of its last pod wakes this loop.
  if (volume === undefined || users.cachedOn({ nodeName, volumeId }).kind === "used") return ok("Keep");
  // Before all questions: the deletion is of this version, about which they are asked.
  const read = await clusterVolumes.readAttachment(cached.name, signal);
  if (!read.ok || read.value === undefined) return read.ok ? ok("Keep") : read;
  const attachment = read.value;
  const vms = vmsOf(ports, volume, attachment);
  let known: AttachmentOfNode = {
    isNodeGone: users.cachedNode(nodeName).isGone,
    isTerminating: attachment.isTerminating,
    isVmKnown: vms.length > 0,
    use: undefined,
    areVmsGone: undefined,
    isNodeAbsent: undefined,
  };
  for (;;) {
    const step = planOrphan(known);
    if (step === "AskUsers") known = { ...known, use: await users.on({ nodeName, volumeId }, signal) };
    else if (step === "AskAzure") {
      const areVmsGone = await proveAllGone(ports, volumeId, vms, signal);
      if (!areVmsGone.ok) return areVmsGone;
      known = { ...known, areVmsGone: areVmsGone.value };
    } else if (step === "AskForNode") {
      const presence = await clusterVolumes.nodePresence(nodeName, signal);
      known = { ...known, isNodeAbsent: presence === "gone" };
    } else return step === "Delete" ? deleteOrphan(ports, volume, attachment, vms, signal) : ok(step);
  }
}

/**
 * The VMs that the node was, by its AzDriverNode, the writer record and its AzVolumeAttachment: each may be
 * that of an earlier or a later VM of its name.
 */
function vmsOf(
  { cache }: FencingPorts,
  volume: AzVolume,
  { nodeName, volumeId }: ClusterAttachment,
): readonly NodeIdentity[] {
  const own = cache.get("AzVolumeAttachment", attachmentObjectName({ diskUri: volumeId, nodeName }));
  const reported = [cache.get("AzDriverNode", nodeName)?.status, own?.status].flatMap((status) =>
    status?.vmId === undefined || status.instanceUri === undefined
      ? []
      : { nodeName, vmId: status.vmId, instanceUri: status.instanceUri },
  );
  const record = volume.status?.record;
  const recorded = nodesIn(record, "writer", "fencing", "unverified", "quarantined", "clean");
  return [...reported, ...recorded.filter((node) => node.nodeName === nodeName)].filter(
    ({ vmId, instanceUri }, at, all) =>
      all.findIndex(
        (other) => isSameVmId(other.vmId, vmId) && isSameResourceUri(other.instanceUri, instanceUri),
      ) === at,
  );
}

async function proveAllGone(
  ports: FencingPorts,
  diskUri: string,
  vms: readonly NodeIdentity[],
  signal: AbortSignal,
): Promise<Result<boolean>> {
  for (const node of vms) {
    const gone = await proveVmGone(ports, { diskUri, node }, [], signal);
    if (!gone.ok || !gone.value) return gone;
  }
  return ok(true);
}

async function deleteOrphan(
  { clusterVolumes, events, logger }: FencingPorts,
  { metadata }: AzVolume,
  attachment: ClusterAttachment,
  vms: readonly NodeIdentity[],
  signal: AbortSignal,
): Promise<Result<OrphanStep>> {
  const { name, nodeName } = attachment;
  const deleted = await clusterVolumes.deleteAttachment(attachment, signal);
  if (!deleted.ok) return deleted;
  // It has changed since it was read, and all may be asked again.
  if (!deleted.value) return ok("LookAgain");
  const volumeName = metadata.name;
  const vmIds = vms.map(({ vmId }) => vmId).join(" ");
  logger.warn("VolumeAttachment deleted: Node and VM are gone", {
    attachment: name,
    volumeName,
    nodeName,
    vmIds,
  });
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "OrphanDetached",
    message:
      `the Node and the VM of ${nodeName} are gone, and no pod there uses the volume: its VolumeAttachment ` +
      `${name} was deleted`,
  });
  return ok("Delete");
}
