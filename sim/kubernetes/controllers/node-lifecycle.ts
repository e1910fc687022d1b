import { between } from "../api/between.ts";
import { type ControlPlane, deletePod } from "./control-plane.ts";

/** `node-monitor-grace-period` since Kubernetes 1.32. */
const GRACE_MS = 50_000;
/** `node-monitor-period`. */
const MONITOR_MS = 5_000;

/**
 * The node lifecycle controller: a node whose kubelet has not renewed its Lease for 50 s is not ready, and
 * its pods are deleted after `tolerationMs`; those of a node that is marked out of service at once.
 * Deleted pods stay until a kubelet or the collector removes them.
 */
export function runNodeLifecycle(plane: ControlPlane, tolerationMs: number): void {
  const { api, view, clock, random, tasks, trace } = plane;
  /** The earliest time for which it knows of nodes: an API server that was down has received no renewal. */
  let knownSinceMs = clock.elapsedMs();
  const watched = new Set<string>();

  function watch(nodeName: string, uid: string): void {
    if (watched.has(uid)) return;
    watched.add(uid);
    tasks.start(async (signal) => {
      for (;;) {
        await untilSilent(nodeName, uid, signal);
        if (api.get("Node", nodeName)?.uid !== uid) break;
        api.change("Node", nodeName, { isReady: false });
        trace.note(nodeName, "is not ready: its kubelet is silent");
        await untilReady(nodeName, uid, signal);
      }
      watched.delete(uid);
    });
  }

  async function untilSilent(nodeName: string, uid: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const renewedMs = Math.max(api.leaseRenewedMs(nodeName) ?? 0, knownSinceMs);
      const leftMs = renewedMs + GRACE_MS - clock.elapsedMs();
      const isGone = api.get("Node", nodeName)?.uid !== uid;
      if (isGone || leftMs <= 0) return;
      await clock.sleep(leftMs + between(random, [0, MONITOR_MS]), signal);
      if (api.isReachable()) continue;
      await api.untilReachable(signal);
      knownSinceMs = clock.elapsedMs();
    }
  }

  async function untilReady(nodeName: string, uid: string, signal: AbortSignal): Promise<void> {
    const changed = Promise.withResolvers<void>();
    const isOver = (): boolean => {
      const node = api.get("Node", nodeName);
      return node === undefined || node.uid !== uid || node.isReady;
    };
    const stop = api.onChange((change) => {
      if (change.kind === "Node" && change.name === nodeName && isOver()) changed.resolve();
    });
    const abort = (): void => changed.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await changed.promise;
    } finally {
      stop();
      signal.removeEventListener("abort", abort);
    }
  }

  function evict(nodeName: string, why: string): void {
    for (const pod of api.list("Pod")) if (pod.nodeName === nodeName) deletePod(plane, pod.name, why);
  }

  /** Pods tolerate it for so long, from when the node was last found not ready. */
  function evictLater(nodeName: string, uid: string): void {
    const isDue = (): boolean => {
      const node = api.get("Node", nodeName);
      return node?.uid === uid && !node.isReady;
    };
    tasks.start(async (signal) => {
      const recovered = { isSo: false };
      const stop = api.onChange((change) => {
        if (change.kind === "Node" && change.name === nodeName && !isDue()) recovered.isSo = true;
      });
      await clock.sleep(tolerationMs, signal).finally(stop);
      await api.untilReachable(signal);
      if (!recovered.isSo && isDue()) evict(nodeName, "its node is not ready");
    });
  }

  view.onChange((change) => {
    if (
      change.kind === "Pod" &&
      change.current?.nodeName !== undefined &&
      view.get("Node", change.current.nodeName)?.isOutOfService === true
    )
      evict(change.current.nodeName, "its node is out of service");
    if (change.kind !== "Node" || change.current === undefined) return;
    const { name, uid, isReady, isOutOfService } = change.current;
    watch(name, uid);
    if (isOutOfService && change.previous?.isOutOfService !== true) evict(name, "its node is out of service");
    if (!isReady && (change.previous === undefined || change.previous.isReady)) evictLater(name, uid);
  });
}
