import type { Writer, WriterRecord } from "../api/az-volume.ts";
import {
  identityOf,
  isForeign,
  isSameNode,
  isSameVm,
  type NodeIdentity,
} from "../api/identity/node-identity.ts";
import { isOutOfService, type ObservedVolume, recordOf, shownVm } from "../attachment/observed-volume.ts";
import { isSameResourceUri } from "../azure/ids/disk-uri.ts";
import { isOff } from "../azure/power-state.ts";
import { nameList } from "../failure/name-list.ts";
import { isSilent } from "./node-silence.ts";
import { requestingNodes } from "./plan-grant.ts";
import { ASK_AGAIN_MS } from "./recheck-pace.ts";
import { isNamed, nodesIn } from "./record/record-nodes.ts";
import type { WriterAction } from "./writer-action.ts";

/** What is seen of nodes by their names. */
type ObservedNames = Pick<ObservedVolume, "node" | "orchestratorNode">;

/**
 * Whether a VM is an earlier one of its node's name, or may be. The node is another VM by now: by its
 * AzDriverNode or, where that is not believed, by the resource id in its Node. A node's token writes its
 * AzDriverNode, and could use it to hide that its VM is another.
 */
export function isEarlierVm(observed: ObservedNames, node: NodeIdentity): boolean {
  const present = observed.node(node.nodeName);
  if (present !== undefined) return !isSameNode(present, node) || isUnnamed(observed, node);
  const { instanceUri } = observed.orchestratorNode(node.nodeName);
  if (instanceUri !== undefined) return !isSameResourceUri(instanceUri, node.instanceUri);
  return isUnnamed(observed, node);
}

/**
 * Whether no Node says which VM has that name, and the entry has no uid: any token of the name may have
 * moved it, also that of another VM, whose Node was deleted, or names no VM yet. An AzDriverNode that is
 * believed without a providerID is trusted with more. A resource id is no Node's name, and no token's.
 */
function isUnnamed(observed: ObservedNames, node: NodeIdentity): boolean {
  const { nodeName, nodeUid } = node;
  if (nodeUid !== undefined || isForeign(node)) return false;
  const known = observed.orchestratorNode(nodeName);
  if (known.isGone) return true;
  const hasNode = known.nodeUid !== undefined;
  return hasNode && known.instanceUri === undefined && observed.node(nodeName) === undefined;
}

/**
 * The node that a VM of the record is by now, where its kubelet has registered under another name. That node
 * is believed, and the entry's own is not, or is gone: of two Nodes on one VM only one is heard. A token may
 * report any `vmId`, so Azure is asked before the entry gets that name.
 */
export function renamedTo(
  observed: Pick<ObservedVolume, "node" | "nodes" | "orchestratorNode">,
  vm: NodeIdentity,
): NodeIdentity | undefined {
  if (isForeign(vm)) return undefined;
  const present = observed.node(vm.nodeName);
  const isItself = present !== undefined && isSameNode(present, vm);
  if (isItself && !observed.orchestratorNode(vm.nodeName).isGone) return undefined;
  return observed
    .nodes()
    .find((node) => isSameVm(node, vm) && !observed.orchestratorNode(node.nodeName).isGone);
}

/** The VMs in the record that are nodes of other names by now, without one that is being fenced. */
export function renamedVms(observed: ObservedVolume, record: WriterRecord): readonly NodeIdentity[] {
  const entries = nodesIn(record, "writer", "unverified", "quarantined", "barrierPending");
  return entries.filter(
    (node, at) =>
      entries.findIndex((other) => isSameNode(other, node)) === at &&
      !isNamed(record, node, "fencing") &&
      renamedTo(observed, node) !== undefined,
  );
}

/**
 * The VMs in the record whose names belong to other VMs by now. They are gone, or live on under no node's
 * name. Without one that is being fenced, which its fence reads, and without those in quarantine only: they
 * block nothing, and are pruned once they are gone (`src/controller/fencing/prune-nodes.ts`).
 */
export function earlierVms(observed: ObservedVolume, record: WriterRecord): readonly NodeIdentity[] {
  return nodesIn(record, "writer", "unverified").filter(
    (node) => isEarlierVm(observed, node) && !isNamed(record, node, "fencing"),
  );
}

/**
 * Plans a writer whose name belongs to another VM. It can't be recalled: that other VM reads its
 * attachment, and that VM's pods are no users of this one. That VM's token may move the grant too, so a
 * released grant counts as held.
 */
export function planEarlierWriter(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  const node = identityOf(writer);
  if (isNamed(recordOf(observed), node, "fencing")) return [];
  const fence = planFenceOfEarlierVm(observed, node);
  if (fence !== undefined) return [fence];
  const waits = waitForEarlierVm(
    observed,
    node,
    `holds the volume as ${node.nodeName}, and ${whichVmHasName(observed, node)}`,
  );
  return writer.held ? waits : [{ kind: "Distrust", node, as: "writer" }, ...waits];
}

/**
 * Plans a writer whose VM is another node by now: neither the silence nor the out-of-service mark of its
 * earlier name says anything of that VM. Once Azure has shown it, the grant gets its present name.
 */
export function planRenamedWriter(
  observed: ObservedVolume,
  writer: Writer,
  present: NodeIdentity,
): readonly WriterAction[] {
  const node = identityOf(writer);
  const isMovable = !writer.held && isEarlierVm(observed, node);
  const distrusts: readonly WriterAction[] = isMovable ? [{ kind: "Distrust", node, as: "writer" }] : [];
  const waiting = requestingNodes(observed).filter((nodeName) => nodeName !== present.nodeName);
  if (waiting.length === 0) return distrusts;
  const message =
    `${nameList(waiting)} waits for the volume: the VM ${writer.instanceUri} (vmId ${writer.vmId}) has it ` +
    `as ${writer.nodeName}, and is ${present.nodeName} by now`;
  const { nodeName } = node;
  return [
    ...distrusts,
    { kind: "WaitFor", reason: "WriterReplaced", nodeName, message, retryAfterMs: ASK_AGAIN_MS },
  ];
}

/**
 * Whether a writer holds the volume without a request, its Node is gone, and no plug-in reports. Nothing is
 * left there to release it, or to be marked out of service: like an earlier VM, it is fenced once it is off.
 */
export function isLostWithNode(observed: ObservedVolume, { nodeName, held, requested }: Writer): boolean {
  if (!held || requested || !observed.orchestratorNode(nodeName).isGone) return false;
  const present = observed.node(nodeName);
  return present === undefined || isSilent(observed, present);
}

/**
 * Plans a grant that was released and is no longer requested. One with a uid was released by its own token,
 * wherever an AzDriverNode says by now that its VM is. Without a uid, where the node's resource id has
 * changed, only that node's token vouches for `vmId`: the grant is revoked once Azure shows the VM there.
 * Where Azure shows it at the recorded resource id, that token is another VM's.
 */
export function planReleased(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  if (writer.nodeUid !== undefined) return [{ kind: "Revoke" }];
  const instanceUri = observed.node(writer.nodeName)?.instanceUri ?? writer.instanceUri;
  const node = identityOf(writer);
  const moved = { ...node, instanceUri };
  if (isSameResourceUri(instanceUri, writer.instanceUri) || shownVm(observed, moved) !== undefined)
    return [{ kind: "Revoke" }];
  // Its fence has counted the grant as held, and frees it, whatever the token releases while it runs.
  if (isNamed(recordOf(observed), node, "fencing")) return [];
  const fence = shownVm(observed, node) === undefined ? undefined : planFenceOfEarlierVm(observed, node);
  if (fence !== undefined) return [fence];
  return [
    { kind: "AskAzure", node: moved, mayBeGone: false },
    { kind: "AskAzure", node, mayBeGone: true },
    ...waitForEarlierVm(
      observed,
      node,
      `had the volume as ${node.nodeName}, and that node reports this vmId from ${instanceUri} by now, ` +
        "where Azure has not shown it yet",
    ),
  ];
}

/**
 * Plans an unverified VM whose name belongs to another VM. That VM's token may remove the entry, so the
 * earlier VM is also listed under its resource id, to which no token is bound: grants wait until both
 * entries are cleared. An entry from a checkpoint alone is left to its own proof.
 */
export function planEarlierUnverified(observed: ObservedVolume, node: NodeIdentity): readonly WriterAction[] {
  const { nodeName, vmId, instanceUri } = node;
  const foreign = { nodeName: instanceUri, vmId, instanceUri };
  const record = recordOf(observed);
  if (isNamed(record, node, "confirmed") && !isNamed(record, foreign, "unverified"))
    return [{ kind: "Distrust", node: foreign, as: "stray" }];
  const message =
    `the VM ${instanceUri} (vmId ${vmId}) has the disk attached as ${nodeName}, and ` +
    whichVmHasName(observed, node);
  return [{ kind: "WaitFor", reason: "AttachedToForeignVM", message, retryAfterMs: ASK_AGAIN_MS }];
}

/**
 * Whether an entry repeats, under its resource id, a VM whose name belongs to another VM. Only the entry
 * under the name leads to a question.
 */
export function repeatsEarlierVm(observed: ObservedVolume, node: NodeIdentity): boolean {
  if (!isForeign(node)) return false;
  const unverified = nodesIn(recordOf(observed), "unverified");
  return unverified.some(
    (other) => isSameResourceUri(other.instanceUri, node.instanceUri) && isEarlierVm(observed, other),
  );
}

/**
 * Fences a writer by its own identity once its node is out of service or Azure reports the VM as off; a
 * running VM may write, whichever VM has its name. In one write with the end of its request and of its
 * release: that VM's token could release it again in between.
 */
function planFenceOfEarlierVm(observed: ObservedVolume, node: NodeIdentity): WriterAction | undefined {
  const { nodeName, instanceUri } = node;
  const fence = { kind: "BeginFence", node, distrusts: true } as const;
  if (isOutOfService(observed, nodeName))
    return {
      ...fence,
      ground: "outOfService",
      because: `the node is out of service, and ${whichVmHasName(observed, node)}`,
    };
  const vm = shownVm(observed, node);
  if (vm === undefined || !isOff(vm.powerState)) return undefined;
  const because = `the VM ${instanceUri} is ${vm.powerState}, and ${whichVmHasName(observed, node)}`;
  return { ...fence, ground: "off", because };
}

function waitForEarlierVm(
  observed: ObservedVolume,
  node: NodeIdentity,
  what: string,
): readonly WriterAction[] {
  const { nodeName, instanceUri, vmId } = node;
  const waiting = requestingNodes(observed);
  const said = `the VM ${instanceUri} (vmId ${vmId}) ${what}`;
  const reason = "WriterReplaced";
  return [
    { kind: "AskAzure", node, mayBeGone: false },
    waiting.length === 0
      ? { kind: "Report", reason, nodeName, message: said, localKey: said, retryAfterMs: ASK_AGAIN_MS }
      : {
          kind: "WaitFor",
          reason,
          nodeName,
          message: `${nameList(waiting)} waits for the volume: ${said}`,
          retryAfterMs: ASK_AGAIN_MS,
        },
  ];
}

function whichVmHasName(observed: ObservedNames, node: NodeIdentity): string {
  return isUnnamed(observed, node) || observed.orchestratorNode(node.nodeName).isGone
    ? "no Node says which VM has that name"
    : "that node is another VM by now";
}
