import type { Writer, WriterRecord } from "../model/az-volume.ts";
import { identityOf, isSameNode, type NodeIdentity } from "../model/node-identity.ts";
import { isOutOfService, type ObservedVolume } from "./observed-volume.ts";
import type { WriterAction } from "./writer-action.ts";

/** How often Azure is asked about a VM whose name another one has by now, in milliseconds. */
const ASK_AGAIN_MS = 10_000;

/** Whether the node of that name is another VM by now, as its AzDriverNode says; false where no node of that name is believed. */
export function isReplaced(observed: Pick<ObservedVolume, "node">, node: NodeIdentity): boolean {
  const present = observed.node(node.nodeName);
  return present !== undefined && !isSameNode(present, node);
}

/** The VMs in the record whose names belong to other VMs by now, each once. They are gone, or live on under no node's name. */
export function replacedNodes(observed: ObservedVolume, record: WriterRecord): readonly NodeIdentity[] {
  const named = [...(record.writer ? [record.writer] : []), ...(record.fencing ? [record.fencing] : []), ...record.quarantine, ...record.unproven];
  const replaced = named.filter((node) => isReplaced(observed, node));
  return replaced.filter((node, index) => replaced.findIndex((other) => isSameNode(other, node)) === index).map(identityOf);
}

/**
 * Plans a writer whose name belongs to another VM. Nothing can be recalled from it: its attachment is read by that other VM, whose pods are no users of
 * this one either. It is fenced by its own identity where its node is marked out of service, or where Azure says that the VM is off; a VM that runs may write.
 */
export function planReplacedWriter(observed: ObservedVolume, writer: Writer, waiting: readonly string[]): readonly WriterAction[] {
  const node = identityOf(writer);
  if (!writer.held && !writer.wanted) return [{ kind: "Revoke" }];
  if (isOutOfService(observed, node.nodeName)) {
    if (writer.wanted) return [{ kind: "Unwant", node, because: "its node is out of service" }];
    return [{ kind: "BeginFence", node, ground: "outOfService", because: "another VM has its name by now, and the node is out of service" }];
  }
  const { nodeName, instanceUri, vmId } = node;
  const said = `the VM ${instanceUri} (vmId ${vmId}) holds the volume as ${nodeName}, and that node is another VM by now`;
  const reason = "WriterReplaced";
  return [
    { kind: "FenceIfOff", node },
    waiting.length === 0
      ? { kind: "Tell", reason, nodeName, message: said, news: said, retryAfterMs: ASK_AGAIN_MS }
      : { kind: "WaitFor", reason, nodeName, message: `${waiting.join(", ")} waits for the volume: ${said}`, retryAfterMs: ASK_AGAIN_MS },
  ];
}
