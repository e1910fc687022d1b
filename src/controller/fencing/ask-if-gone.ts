import type { WriterRecord } from "../../core/api/az-volume.ts";
import {
  includesNode,
  isForeign,
  isSameVmId,
  type NodeIdentity,
} from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isEarlierVm } from "../../core/writer/plan-earlier-vm.ts";
import { isGrantedAgain } from "../../core/writer/record/is-granted-again.ts";
import { isNamed, nodesNotOnlyClean } from "../../core/writer/record/record-nodes.ts";
import {
  beginFence,
  endFence,
  identifyByName,
  prune,
  type Step,
} from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { updateRecord } from "../../objects/update-record.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { nodeNameOf, reporterOn, withNodeUid } from "../node-of-vm.ts";
import { observeNode } from "../observe-volume.ts";
import { proveOff } from "./prove-off.ts";
import type { NeededProof } from "./record-proof.ts";

/**
 * Whether a VM is proven to be gone with all its open files: from its resource id, and from each other one at
 * which it was reported.
 */
export async function proveVmGone(
  { cloud }: Pick<FencingPorts, "cloud">,
  { diskUri, node }: { readonly diskUri: string; readonly node: NodeIdentity },
  alsoAt: readonly string[],
  signal: AbortSignal,
): Promise<Result<boolean>> {
  for (const instanceUri of [node.instanceUri, ...alsoAt]) {
    const proof = await cloud.proveGone({ diskUri, node: { ...node, instanceUri } }, signal);
    if (!proof.ok) return proof;
    if (proof.value === undefined) return ok(false);
  }
  return ok(true);
}

/** A VM of a volume's record, and the record as the cache showed it before Azure was asked. */
interface VmInRecord {
  readonly volumeName: string;
  readonly diskUri: string;
  readonly node: NodeIdentity;
  readonly before: WriterRecord | undefined;
}

/** Asks Azure whether a node's VM is gone, or has the disk no more where no plug-in reports from it. */
export async function askIfGone(
  ports: FencingPorts,
  { volumeName, volumeId }: { readonly volumeName: string; readonly volumeId: string },
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  if (isForeign(node)) return identifyOrPrune(ports, volumeName, node, signal);
  const before = ports.cache.get("AzVolume", volumeName)?.status?.record;
  const vm: VmInRecord = { volumeName, diskUri: volumeId, node, before };
  const gone = await proveVmGone(ports, vm, [], signal);
  if (!gone.ok) return gone;
  if (gone.value) return fenceGone(ports, vm, signal);
  const renamed = reporterOn(ports, node);
  if (renamed !== undefined && renamed !== node.nodeName && isLeftIn(ports, volumeName, node)) {
    const { vmId, instanceUri } = node;
    const known = withNodeUid(ports, { nodeName: renamed, vmId, instanceUri });
    return identifyAs(ports, volumeName, node, known, signal);
  }
  return hasReporter(ports, node) ? ok({}) : freeAbsent(ports, vm, signal);
}

/**
 * Begins a fence by what Azure has shown, which a proof of its own ends. Not of a grant that may be later:
 * the VM may have moved, or be back. The token of another VM of its name may have moved the grant.
 */
function beginFenceUnlessGrantedAgain({ node, before }: VmInRecord, record: WriterRecord): Step {
  return isNamed(record, node, "writer") && isGrantedAgain(before, record)
    ? fail("the volume was granted again since")
    : beginFence(record, node, { distrusts: true });
}

async function fenceGone(ports: FencingPorts, vm: VmInRecord, signal: AbortSignal): Promise<Result<unknown>> {
  const { volumeName, node } = vm;
  const fenced = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "begin-fence" },
    (record) => beginFenceUnlessGrantedAgain(vm, record),
    signal,
  );
  return ignoreNotFound(fenced);
}

/**
 * Whether a node plug-in reports from this very VM. One on another VM of that name can verify nothing for it,
 * whatever `vmId` it reports; and one whose Node is gone has no token for long, and leaves its AzDriverNode
 * for as long as a record names it.
 */
function hasReporter({ cache, users }: FencingPorts, { nodeName, vmId, instanceUri }: NodeIdentity): boolean {
  const driverNode = cache.get("AzDriverNode", nodeName);
  if (driverNode === undefined || users.cachedNode(nodeName).isGone) return false;
  const { status } = driverNode;
  if (status === undefined) return true;
  return isSameVmId(status.vmId, vmId) && isSameResourceUri(status.instanceUri, instanceUri);
}

/**
 * Releases a volume from a VM that runs without this driver's node plug-in: nothing there can release it
 * or show that it is clean. Requires proof that the VM has no entry for the disk. An old mount command
 * may still run there, so the node enters quarantine, and a former writer is fenced.
 */
function freeAbsent(ports: FencingPorts, vm: VmInRecord, signal: AbortSignal): Promise<Result<unknown>> {
  const { volumeName, node } = vm;
  const proof: NeededProof = {
    node,
    mode: "prove",
    isNeeded: (record) => isNamed(record, node, "writer", "unverified") && !isNamed(record, node, "fencing"),
    clear: (record) =>
      isNamed(record, node, "writer") ? beginFenceUnlessGrantedAgain(vm, record) : endFence(record, node),
    outcome: "volume released from a VM without node plug-in",
  };
  return proveOff(ports, volumeName, proof, () => Promise.resolve(ok({})), signal);
}

/**
 * A VM known only by its resource id may be that of a node that has registered since: then the node shows
 * what it does with the disk. Not under a name that another VM has, or that no Node gives it: there the entry
 * would be listed under its resource id again, and so on without end.
 */
async function identifyOrPrune(
  ports: FencingPorts,
  volumeName: string,
  unknown: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { instanceUri } = unknown;
  const nodeName = nodeNameOf(ports, instanceUri);
  const instance =
    nodeName === undefined ? undefined : await ports.cloud.inspectInstance({ nodeName, instanceUri }, signal);
  if (nodeName === undefined || instance?.ok !== true)
    return pruneIfDetachedByOthers(ports, volumeName, unknown, signal);
  const node = withNodeUid(ports, { nodeName, vmId: instance.value.vmId, instanceUri });
  const observed = {
    node: (name: string) => observeNode(ports, name),
    orchestratorNode: (name: string) => ports.users.cachedNode(name),
  };
  return isEarlierVm(observed, node)
    ? pruneIfDetachedByOthers(ports, volumeName, unknown, signal)
    : identifyAs(ports, volumeName, unknown, node, signal);
}

function identifyAs(
  ports: FencingPorts,
  volumeName: string,
  unknown: NodeIdentity,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  return updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "identify" },
    (record) => identifyByName(record, unknown, node),
    signal,
  );
}

/** What waits for a node's report, or release, can be given to the node that can report. Its fence can't. */
function isLeftIn({ cache }: FencingPorts, volumeName: string, node: NodeIdentity): boolean {
  const record = cache.get("AzVolume", volumeName)?.status?.record;
  return (
    record !== undefined && includesNode(nodesNotOnlyClean(record), node) && !isNamed(record, node, "fencing")
  );
}

/**
 * A VM that is no node of the cluster is never fenced. Another client has detached the disk from it once
 * neither the disk names the VM nor the VM lists the disk.
 */
async function pruneIfDetachedByOthers(
  ports: FencingPorts,
  volumeName: string,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const volume = await ports.store.get("AzVolume", volumeName, signal);
  if (!volume.ok) return volume;
  const diskUri = volume.value.status?.detail?.diskUri;
  if (diskUri === undefined) return ok({});
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  // A disk that is gone is on no VM.
  if (!disk.ok && disk.failure.kind !== "DiskNotFound") return disk;
  if (
    disk.ok &&
    disk.value.attachedTo.some((instanceUri) => isSameResourceUri(instanceUri, node.instanceUri))
  )
    return ok({});
  // Read last: the disk names a VM only after the VM has its entry, and may cease to while the entry is
  // still being removed.
  const listed = await listsDisk(ports, diskUri, node, signal);
  if (!listed.ok || listed.value) return listed;
  return updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "end-fence" },
    (record) => prune(record, node, "unverified"),
    signal,
  );
}

/**
 * Whether the VM at the node's resource id has an entry for the disk. A VM that is gone has none. For one
 * that this driver can't read, the disk alone decides.
 */
async function listsDisk(
  { cloud }: FencingPorts,
  diskUri: string,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const instance = await cloud.inspectInstance(node, signal);
  if (instance.ok)
    return ok(instance.value.dataDisks.some((entry) => isSameResourceUri(entry.diskUri, diskUri)));
  const { kind } = instance.failure;
  return kind === "InstanceNotFound" || kind === "InstanceUnknown" ? ok(false) : instance;
}
