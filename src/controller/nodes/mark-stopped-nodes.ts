import { isSameVmId } from "../../core/api/identity/node-identity.ts";
import { isOff, mayRun } from "../../core/azure/power-state.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { planServiceMark, type ServiceStep } from "../../core/node/plan-service-mark.ts";
import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import { kubeletOf } from "../../core/writer/node-silence.ts";
import { ASK_AGAIN_MS } from "../../core/writer/recheck-pace.ts";
import type { InstanceFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { NodeMarks } from "../../ports/cluster/node-marks.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodesPorts } from "../controller-ports.ts";
import { createPowerOffSilent, type KnownNode, reportPoweredOff } from "./power-off-silent.ts";

/**
 * Marks nodes out of service whose VMs are off, so that the orchestrator frees their pods at once. Without
 * the mark Kubernetes keeps the pods of a StatefulSet for ever. Only the mark is decided here: a disk is
 * taken from the node by a fence with proof.
 */
export function stoppedNodesReconciler(ports: NodesPorts): Reconciler {
  const { powerOff, lookDuring } = createPowerOffSilent(ports);
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
      const vm = await lookDuring(node, () => vmOf(ports, node, signal));
      if (!vm.ok) return vm;
      const { requeueAfterMs } = step;
      if (vm.value === undefined) return ok({ requeueAfterMs });
      if (isOff(vm.value.powerState)) {
        const { powerState } = vm.value;
        // Before the mark, after which none looks again.
        const reported = await reportPoweredOff(ports, { ...node, powerState }, signal);
        if (!reported.ok) return reported;
        const marked = await mark(ports, marks, { ...node, powerState }, signal);
        if (!marked.ok) return marked;
        // The change of the Node ends the mark, and does not wait for a time.
        return ok(marked.value ? {} : { requeueAfterMs });
      }
      if (!mayRun(vm.value.powerState)) return ok({ requeueAfterMs });
      const lookAgainMs = await lookDuring(node, () => powerOff(marks, node, signal));
      if (!lookAgainMs.ok) return lookAgainMs;
      return ok({ requeueAfterMs: Math.min(requeueAfterMs, lookAgainMs.value) });
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

/** The node's VM. Undefined: another one has its resource id, or none; then the cloud deletes the Node. */
async function vmOf(
  { cloud }: NodesPorts,
  { nodeName, instanceUri, vmId }: KnownNode,
  signal: AbortSignal,
): Promise<Result<Pick<InstanceFacts, "powerState"> | undefined>> {
  const instance = await cloud.inspectInstance({ nodeName, instanceUri, lane: "prune" }, signal);
  if (!instance.ok) return instance.failure.kind === "InstanceNotFound" ? ok(undefined) : instance;
  // Another VM under that resource id says nothing about the node's.
  return ok(isSameVmId(instance.value.vmId, vmId) ? instance.value : undefined);
}

/** Whether the node was marked now. */
async function mark(
  { events, logger }: NodesPorts,
  marks: NodeMarks,
  { nodeName, nodeUid, instanceUri, vmId, powerState }: KnownNode & Pick<InstanceFacts, "powerState">,
  signal: AbortSignal,
): Promise<Result<boolean>> {
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
