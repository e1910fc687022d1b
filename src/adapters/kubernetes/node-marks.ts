import { ok, type Result } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import { kubeletOf } from "../../core/writer/node-silence.ts";
import type { NodeMarks } from "../../ports/cluster/node-marks.ts";
import type { ApiClient } from "./api/api-client.ts";
import { DRIVERS_MARK, isDriversMark, isOutOfService, type Node } from "./core/core-node.ts";
import { coreResources, readCoreObject } from "./core/core-object-calls.ts";
import { patchNode, replaceTaints } from "./core/patch-node.ts";

/**
 * `NodeMarks` on Kubernetes: the taint `node.kubernetes.io/out-of-service` with the driver's value. Needs
 * the verbs get and patch on `nodes`.
 */
export function createNodeMarks(client: ApiClient): NodeMarks {
  /** One try, on the version that was read: what another writer has changed may be that the node is back. */
  async function change(
    { nodeName, nodeUid }: { readonly nodeName: string; readonly nodeUid: string },
    plan: (taints: readonly NodeTaint[]) => readonly NodeTaint[],
    signal: AbortSignal,
  ): Promise<Result<boolean>> {
    const read = await readCoreObject<Node>(client, coreResources.nodes, nodeName, signal);
    if (!read.ok) return read;
    if (read.value?.metadata.uid !== nodeUid) return ok(false);
    const from = read.value.spec?.taints ?? [];
    const to = plan(from);
    if (to.length === from.length) return ok(false);
    const unchanged = {
      op: "test",
      path: "/metadata/resourceVersion",
      value: read.value.metadata.resourceVersion,
    } as const;
    const patched = await patchNode(client, nodeName, [unchanged, ...replaceTaints(from, to)], signal);
    return patched.ok ? ok(true) : patched;
  }
  return {
    isMarkable: async ({ nodeName, nodeUid }, signal) => {
      const read = await readCoreObject<Node>(client, coreResources.nodes, nodeName, signal);
      if (!read.ok) return read;
      return ok(read.value?.metadata.uid === nodeUid && isMarkable(read.value.spec?.taints ?? []));
    },
    mark: (node, signal) => change(node, withMark, signal),
    unmark: (node, signal) => change(node, withoutMark, signal),
  };
}

function isMarkable(taints: readonly NodeTaint[]): boolean {
  return !isOutOfService(taints) && kubeletOf({ taints }) === "unreachable";
}

function withMark(taints: readonly NodeTaint[]): readonly NodeTaint[] {
  return isMarkable(taints) ? [...taints, DRIVERS_MARK] : taints;
}

function withoutMark(taints: readonly NodeTaint[]): readonly NodeTaint[] {
  if (kubeletOf({ taints }) === "unreachable") return taints;
  return taints.filter((taint) => !isDriversMark(taint));
}
