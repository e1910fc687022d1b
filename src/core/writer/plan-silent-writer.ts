import { isOutOfService, type ObservedVolume } from "../attachment/observed-volume.ts";
import { nameList } from "../failure/name-list.ts";
import { isWaitingElsewhere } from "../schedule/volume-pod.ts";
import { isShownSilent, kubeletOf, silentAfterMs } from "./node-silence.ts";
import { requestsOf } from "./plan-grant.ts";
import type { WriterAction } from "./writer-action.ts";

/** How often to plan again whether the volume of a silent writer is requested, in milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/** What the record says of a node. */
const saysOf = {
  writer: "which writes the volume",
  unverified: "which had the disk when the record was made and has not shown whether it is clean",
} as const;

/**
 * Reports a writer, or a node that may be one, that is silent or NotReady, with the remedy: to pods that
 * wait on other nodes, to pods bound to that node, or else on the volume, its claim and the Node while
 * the volume is requested: the next pod may have no node yet. Kubernetes' attach controller holds the
 * next attach back itself (`Multi-Attach error`, since 1.37 `Waiting for detach`), so no request shows
 * that a pod waits.
 */
export function planSilentWriter(
  observed: ObservedVolume,
  writerNode: string,
  role: keyof typeof saysOf = "writer",
): readonly WriterAction[] {
  if (isOutOfService(observed, writerNode)) return [];
  const signs = signsOfSilence(observed, writerNode);
  if (signs.length === 0) return [];
  const pods = observed.pods() ?? [];
  const waiting = pods.filter((pod) => isWaitingElsewhere(pod, writerNode));
  const there = pods.filter((pod) => pod.nodeName === writerNode);
  const writer = `${writerNode}, ${saysOf[role]}, ${signs.join(", and ")}`;
  const remedy = remedyIfDead(observed, writerNode);
  const report = (kind: "WaitFor" | "Report", what: string, localKey: string): readonly WriterAction[] => [
    {
      kind,
      reason: "WriterSilent",
      nodeName: writerNode,
      retryAfterMs: LOOK_AGAIN_MS,
      message: `${what}. ${remedy}`,
      localKey,
    },
  ];
  if (waiting.length > 0) {
    const names = nameList(waiting.map((pod) => `pod ${pod.name} on ${pod.nodeName}`));
    return report("WaitFor", `${names} waits: ${writer}`, `${names} waits for ${writerNode}`);
  }
  if (there.length > 0) {
    const names = nameList(
      there.map((pod) => `pod ${pod.name}${pod.isTerminating ? " (being deleted)" : ""}`),
    );
    return report("Report", `${writer}; ${names} is bound to it`, `${names} is bound to ${writerNode}`);
  }
  // After a pod was deleted by force, its own request stands until its node is marked.
  const isRequested = pods.some((pod) => !pod.isTerminating) || requestsOf(observed).length > 0;
  return isRequested
    ? report(
        "Report",
        `${writer}, and the volume is requested`,
        `the volume is requested, and ${writerNode} is silent`,
      )
    : [{ kind: "Requeue", afterMs: LOOK_AGAIN_MS }];
}

/** What to do where a node that others wait for is dead. One without a Node can't be marked. */
export function remedyIfDead(observed: Pick<ObservedVolume, "orchestratorNode">, nodeName: string): string {
  return observed.orchestratorNode(nodeName).isGone
    ? "It has no Node to be marked: if its VM is off or cut off from the network for good, delete that VM in Azure"
    : `If its VM is off or cut off from the network for good, mark it out of service. On Kubernetes, run: ` +
        `kubectl taint nodes ${nodeName} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`;
}

/** NotReady is the orchestrator's word, also of a node without an AzDriverNode and so without heartbeats. */
function signsOfSilence(observed: ObservedVolume, nodeName: string): readonly string[] {
  const node = observed.node(nodeName);
  const afterSeconds = Math.round(silentAfterMs(observed.settings, node) / 1_000);
  return [
    ...(node !== undefined && isShownSilent(observed, node)
      ? [`has sent no heartbeat for more than ${afterSeconds} s`]
      : []),
    ...(kubeletOf(observed.orchestratorNode(nodeName)) === "ready" ? [] : ["is NotReady"]),
  ];
}

/**
 * Each state is reported once: with a silent writer, the waiting pods get the cause and the remedy
 * instead of only the writer's name.
 */
export function withSilence(
  planned: readonly WriterAction[],
  silence: readonly WriterAction[],
): readonly WriterAction[] {
  // The driver fences the node by itself: no action of a person is required.
  if (planned.some(({ kind }) => kind === "BeginFence")) return planned;
  const isReportedAsSilent = silence.some(({ kind }) => kind === "WaitFor");
  const added = planned.length === 0 ? silence : silence.filter(({ kind }) => kind !== "Requeue");
  return [...planned.filter(({ kind }) => kind !== "WaitFor" || !isReportedAsSilent), ...added];
}
