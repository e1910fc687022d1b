import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { mayMark, planServiceMark, type ServiceStep } from "../../core/node/plan-service-mark.ts";
import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import { kubeletOf } from "../../core/writer/node-silence.ts";
import { ASK_AGAIN_MS } from "../../core/writer/recheck-pace.ts";
import type { NodeMarks } from "../../ports/cluster/node-marks.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodesPorts } from "../controller-ports.ts";

/** A node whose VM is known, by its Node object and its AzDriverNode. */
type KnownNode = NodeIdentity & { readonly nodeUid: string };

/**
 * Marks nodes out of service whose VMs are off, so that the orchestrator frees their pods at once. Without
 * the mark Kubernetes keeps the pods of a StatefulSet for ever. Only the mark is decided here: a disk is
 * taken from the node by a fence with proof.
 */
export function stoppedNodesReconciler(ports: NodesPorts): Reconciler {
  return {
    name: "stopped-nodes",
    workers: 8,
    // Of a zone that is down, Azure may show no VM: that keeps no node of another zone from being marked.
    slowAfterMs: ASK_AGAIN_MS,
    backoff: { baseMs: 1_000, maxMs: 30_000 },
    reconcile: async (nodeName, signal) => {
      const { marks } = ports;
      const { step, seen } = nextStep(ports, nodeName);
      if (marks === undefined || step.kind === "Keep" || step.kind === "Unmark") return ok({});
      if (step.kind === "LookAgain") return ok({ requeueAfterMs: step.afterMs });
      const node = knownNode(ports, nodeName, seen);
      // Without a plug-in it has no volume of this driver; without a providerID its VM is not known.
      if (node === undefined) return ok({});
      const marked = await markIfOff(ports, marks, node, signal);
      if (!marked.ok) return marked;
      // The change of the Node ends the mark, and does not wait for a time.
      return ok(marked.value ? {} : { requeueAfterMs: step.requeueAfterMs });
    },
  };
}

/**
 * Removes the driver's marks of nodes that are back. In a loop of its own: no read of Azure delays it, and
 * until then no pod can start there.
 */
export function returnedNodesReconciler(ports: NodesPorts): Reconciler {
  return {
    name: "returned-nodes",
    workers: 4,
    backoff: { baseMs: 1_000, maxMs: 30_000 },
    reconcile: async (nodeName, signal) => {
      const { marks } = ports;
      const { step, seen } = nextStep(ports, nodeName);
      if (marks === undefined || step.kind !== "Unmark") return ok({});
      return unmark(ports, marks, { nodeName, nodeUid: seen.nodeUid ?? "" }, signal);
    },
  };
}

/** Whether a node may have to be marked. */
export function mayBeStopped(node: OrchestratorNode): boolean {
  return kubeletOf(node) === "unreachable" && !node.isOutOfService;
}

/** Whether a node has a mark of the driver that is to be removed. */
export function hasReturned(node: OrchestratorNode): boolean {
  return node.isMarkedByDriver === true && kubeletOf(node) !== "unreachable";
}

function nextStep(
  { cache, users, settings }: NodesPorts,
  nodeName: string,
): { readonly step: ServiceStep; readonly seen: OrchestratorNode } {
  const seen = users.cachedNode(nodeName);
  const service = {
    isUnreachable: kubeletOf(seen) === "unreachable",
    isOutOfService: seen.isOutOfService,
    isMarkedByDriver: seen.isMarkedByDriver === true,
    heartbeatUnchangedMs: cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? 0,
  };
  return { step: planServiceMark(service, settings), seen };
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

/** Whether the node was marked now. A VM that is gone needs no mark: the cloud deletes its Node. */
async function markIfOff(
  { cloud, events, logger }: NodesPorts,
  marks: NodeMarks,
  { nodeName, nodeUid, instanceUri, vmId }: KnownNode,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const instance = await cloud.inspectInstance({ nodeName, instanceUri, lane: "prune" }, signal);
  if (!instance.ok) return instance.failure.kind === "InstanceNotFound" ? ok(false) : instance;
  const { powerState } = instance.value;
  if (!mayMark(instance.value, vmId)) return ok(false);
  const marked = await marks.mark({ nodeName, nodeUid }, signal);
  if (!marked.ok || !marked.value) return marked;
  logger.warn("node marked out of service: its VM is off", { nodeName, instanceUri, vmId, powerState });
  events.emit({
    about: { kind: "AzDriverNode", name: nodeName },
    reason: "NodeMarkedOutOfService",
    message: `${nodeName} is unreachable, and Azure shows its VM as ${powerState}`,
  });
  return marked;
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
