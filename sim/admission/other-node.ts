import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { sameJson } from "../../src/core/primitives/same-json.ts";
import type { Fields, NodeWrite, PolicyRule } from "./policy-rule.ts";

/** The rule of the chart's policy for AzVolumes that distinguishes two Nodes of one name. */
export const otherNodeRule: PolicyRule = {
  message:
    "entries of another Node of this name stay unchanged; if the Node was recreated for this VM, delete " +
    "the pod of its node plug-in, so that it gets a new token",
  isForbidden: true,
  allows: (write) => {
    const { before, after } = write;
    return (
      sameJson(othersIn(write, before?.status), othersIn(write, after.status)) &&
      (!isOthersGrant(write) || sameJson(mark(before?.status), mark(after.status)))
    );
  },
};

/** If the writer belongs to another Node of this name, this Node may not report its file system. */
function isOthersGrant(write: NodeWrite): boolean {
  const { writer } = recordOf(write.before?.status);
  return writer !== undefined && isOthers(write, writer);
}

function othersIn(write: NodeWrite, status: Fields | undefined): unknown {
  const { writer, nodes = [] } = recordOf(status);
  // A report that a node is clean is replaced by the next Node of its name.
  const entries = nodes.filter(({ access, barrierPending }) => access !== "clean" || barrierPending === true);
  const others = (listed: readonly NodeIdentity[]): readonly NodeIdentity[] =>
    listed.filter((node) => isOthers(write, node));
  return [others(writer === undefined ? [] : [writer]), others(entries)];
}

function isOthers({ nodeName, nodeUid }: NodeWrite, node: NodeIdentity): boolean {
  return node.nodeName === nodeName && node.nodeUid !== undefined && node.nodeUid !== nodeUid;
}

function recordOf(status: Fields | undefined): Partial<WriterRecord> {
  return (status?.["record"] ?? {}) as Partial<WriterRecord>;
}

function mark(status: Fields | undefined): unknown {
  return ((status?.["detail"] ?? {}) as Fields)["formatted"];
}
