import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { mayMark, planServiceMark } from "../../core/node/plan-service-mark.ts";
import { isUnreachable } from "../../core/writer/node-silence.ts";
import type { NodeMarks } from "../../ports/cluster/node-marks.ts";
import type { OrchestratorNode } from "../../ports/cluster/volume-users.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodesPorts } from "../controller-ports.ts";

/** A node whose VM is known, by its Node object and its AzDriverNode. */
interface KnownNode {
  readonly nodeName: string;
  readonly nodeUid: string;
  readonly instanceUri: string;
  readonly vmId: string;
}

/**
 * Marks nodes out of service whose VMs are off, so that the orchestrator frees their pods at once, and
 * removes these marks when the nodes return. Without the mark Kubernetes keeps the pods of a StatefulSet
 * for ever. Only the mark is decided here: a disk is taken from the node by a fence with proof.
 */
export function stoppedNodesReconciler(ports: NodesPorts): Reconciler {
  return {
    name: "stopped-nodes",
    workers: 8,
    backoff: { baseMs: 1_000, maxMs: 30_000 },
    reconcile: (nodeName, signal) => {
      const { marks } = ports;
      return marks === undefined ? Promise.resolve(ok({})) : checkNode(ports, marks, nodeName, signal);
    },
  };
}

/** Whether a node may need a mark, or be rid of one. */
export function mayNeedMark(node: OrchestratorNode): boolean {
  return isUnreachable(node) || node.isMarkedByDriver === true;
}

async function checkNode(
  ports: NodesPorts,
  marks: NodeMarks,
  nodeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cache, users, settings } = ports;
  const seen = users.cachedNode(nodeName);
  const step = planServiceMark(
    {
      isUnreachable: isUnreachable(seen),
      isOutOfService: seen.isOutOfService,
      isMarkedByDriver: seen.isMarkedByDriver === true,
      heartbeatUnchangedMs: cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? 0,
    },
    settings,
  );
  switch (step.kind) {
    case "Keep":
      return ok({});
    case "LookAgain":
      return ok({ againAfterMs: step.afterMs });
    case "InspectVm": {
      const node = knownNode(ports, nodeName, seen);
      // Without a plug-in it has no volume of this driver; without a providerID its VM is not known.
      if (node === undefined) return ok({});
      const marked = await markIfOff(ports, marks, node, signal);
      if (!marked.ok) return marked;
      return ok({ againAfterMs: step.againAfterMs });
    }
    case "Unmark":
      return unmark(ports, marks, { nodeName, nodeUid: seen.nodeUid ?? "" }, signal);
    default:
      return unreachable(step);
  }
}

function knownNode(
  { cache }: NodesPorts,
  nodeName: string,
  { nodeUid, instanceUri }: OrchestratorNode,
): KnownNode | undefined {
  const vmId = cache.get("AzDriverNode", nodeName)?.status?.vmId;
  if (vmId === undefined || nodeUid === undefined || instanceUri === undefined) return undefined;
  return { nodeName, nodeUid, instanceUri, vmId };
}

/** A VM that is gone needs no mark: the cloud's node controller deletes its Node. */
async function markIfOff(
  { cloud, events, logger }: NodesPorts,
  marks: NodeMarks,
  { nodeName, nodeUid, instanceUri, vmId }: KnownNode,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const instance = await cloud.inspectInstance({ nodeName, instanceUri }, signal);
  if (!instance.ok) return instance.failure.kind === "InstanceNotFound" ? ok(undefined) : instance;
  const { powerState } = instance.value;
  if (!mayMark(instance.value, vmId)) return ok(undefined);
  const marked = await marks.mark({ nodeName, nodeUid }, signal);
  if (!marked.ok || !marked.value) return marked;
  logger.warn("node marked out of service: its VM is off", { nodeName, instanceUri, vmId, powerState });
  events.emit({
    about: { kind: "AzDriverNode", name: nodeName },
    reason: "NodeMarkedOutOfService",
    message: `kubelet and node plug-in of ${nodeName} are silent, and Azure shows its VM as ${powerState}`,
  });
  return ok(undefined);
}

async function unmark(
  { events, logger }: NodesPorts,
  marks: NodeMarks,
  node: { readonly nodeName: string; readonly nodeUid: string },
  signal: AbortSignal,
): Promise<Reconciled> {
  const { nodeName } = node;
  const unmarked = await marks.unmark(node, signal);
  if (!unmarked.ok) return unmarked;
  if (!unmarked.value) return ok({});
  logger.info("out-of-service mark removed: the kubelet reports again", { nodeName });
  events.emit({
    about: { kind: "AzDriverNode", name: nodeName },
    reason: "NodeBackInService",
    message: `the kubelet of ${nodeName} reports again`,
  });
  return ok({});
}
