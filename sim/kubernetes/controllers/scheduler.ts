import type { Random } from "../../../src/ports/random.ts";
import type { Claim, Node, Pod } from "../api/api-objects.ts";
import { between } from "../api/between.ts";
import type { SimClusterOptions } from "../sim-cluster.ts";
import type { ControlPlane } from "./control-plane.ts";

/** How often the scheduler chooses another node than the extender's best: it considers more than volumes. */
const OTHER_NODE_SHARE = 0.1;
/** From a decision to the binding at the API server, in milliseconds: 3 to 14 on the testbed. */
const BIND_MS = [3, 15] as const;

/**
 * kube-scheduler: binds each pod to a suitable node. A claim without a volume first gets the node for
 * which the volume is to be created (`WaitForFirstConsumer`), and the pod follows once the claim is bound.
 * A pod that fits nowhere waits for a change.
 */
export function runScheduler(
  plane: ControlPlane,
  rankNodes: NonNullable<SimClusterOptions["rankNodes"]> | undefined,
): void {
  const { api, view, clock, random, tasks, trace } = plane;
  /** The pods with a decision under way: a bound one stays here until the view shows its node. */
  const binding = new Set<string>();
  /** The nodes of pods whose binding is not visible yet: their places are used. */
  const assumed = new Map<string, string>();

  function schedule(pod: Pod): void {
    if (pod.nodeName !== undefined || pod.isDeleted || binding.has(pod.uid)) return;
    const claim = view.get("Claim", pod.volumeName);
    if (claim === undefined || claim.isDeleted) return;
    const isWaitingForVolume = claim.isBound
      ? view.get("PersistentVolume", pod.volumeName) === undefined
      : claim.selectedNode !== undefined;
    if (isWaitingForVolume) return;
    assumed.delete(pod.uid);
    const made = madeFor(claim);
    const nodeName = made === undefined || isTaken(made, pod, claim) ? choose(pod, claim) : made;
    if (nodeName === undefined) return;
    assumed.set(pod.uid, nodeName);
    binding.add(pod.uid);
    tasks.start(async (signal) => {
      await clock.sleep(between(random, BIND_MS), signal);
      await api.untilReachable(signal);
      if (claim.isBound) {
        bind(pod, nodeName);
        return;
      }
      binding.delete(pod.uid);
      if (api.get("Claim", claim.name)?.uid === claim.uid)
        api.change("Claim", claim.name, { selectedNode: nodeName });
    });
  }

  /**
   * A pod whose volume was just created goes to the node for which it was created, if that still exists;
   * any later pod goes where it fits. Before it binds, the volume binder checks the volume's node
   * affinity: a late provisioner may have created it for a previously chosen node.
   */
  function madeFor({ name, selectedNode, isBound }: Claim): string | undefined {
    const node = selectedNode === undefined ? undefined : view.get("Node", selectedNode);
    const volume = view.get("PersistentVolume", name);
    return isBound && node !== undefined && volume !== undefined && isWithin(volume.zones, node)
      ? node.name
      : undefined;
  }

  function choose(pod: Pod, claim: Claim): string | undefined {
    const volume = claim.isBound ? view.get("PersistentVolume", claim.name) : undefined;
    const fit = [...view.list("Node")]
      .filter((node) => isFit(node) && isWithin(volume?.zones, node) && !isTaken(node.name, pod, claim))
      .map(({ name }) => name);
    const scores =
      rankNodes === undefined || fit.length === 0
        ? fit.map((nodeName) => ({ nodeName, score: 0 }))
        : rankNodes(pod.volumeName, fit);
    const best = Math.max(...scores.map(({ score }) => score));
    const isDistracted = random.next() < OTHER_NODE_SHARE;
    return oneOf(
      scores.filter(({ score }) => isDistracted || score === best).map(({ nodeName }) => nodeName),
      random,
    );
  }

  /** Pods that share a volume are kept apart by anti-affinity. */
  function isTaken(nodeName: string, { uid, volumeName }: Pod, { workload }: Claim): boolean {
    if (workload.sharedBy === undefined) return false;
    return [...view.list("Pod")].some(
      (other) =>
        other.uid !== uid &&
        other.volumeName === volumeName &&
        (other.nodeName ?? assumed.get(other.uid)) === nodeName,
    );
  }

  function isFit(node: Node): boolean {
    if (
      !node.isReady ||
      node.isUnschedulable ||
      node.isOutOfService ||
      node.otherTaints.some(({ effect }) => effect !== "PreferNoSchedule")
    )
      return false;
    if (node.volumesMax === undefined) return true;
    const onNode = [...view.list("Pod")].filter(
      (pod) => (pod.nodeName ?? assumed.get(pod.uid)) === node.name,
    );
    const volumes = new Set(onNode.map(({ volumeName }) => volumeName));
    for (const { volumeName, nodeName } of view.list("VolumeAttachment"))
      if (nodeName === node.name) volumes.add(volumeName);
    return volumes.size < node.volumesMax;
  }

  function bind(pod: Pod, nodeName: string): void {
    const present = api.get("Pod", pod.name);
    if (present?.uid !== pod.uid || present.nodeName !== undefined) return;
    api.change("Pod", pod.name, { nodeName });
    // The decision is used up: the next pod is scheduled independently.
    api.change("Claim", pod.volumeName, { selectedNode: undefined });
    trace.note(pod.volumeName, `pod ${pod.uid} is bound to ${nodeName}`);
  }

  view.onChange((change) => {
    if (change.kind === "Pod" && (change.current === undefined || change.current.nodeName !== undefined)) {
      const uid = (change.current ?? change.previous)?.uid ?? "";
      binding.delete(uid);
      assumed.delete(uid);
    }
    if (change.kind === "Pod" && change.current !== undefined) schedule(change.current);
    // Any other change may make room for a waiting pod.
    else if (change.kind !== "StatefulSet") for (const pod of view.list("Pod")) schedule(pod);
  });
}

function isWithin(zones: readonly string[] | undefined, node: Node): boolean {
  return zones?.includes(node.zone) ?? true;
}

function oneOf(names: readonly string[], random: Random): string | undefined {
  return names[Math.floor(random.next() * names.length)];
}
