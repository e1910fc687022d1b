import { newNode, type Node } from "../api/api-objects.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import type { VolumeManager } from "./volume-manager.ts";

/** `nodeStatusUpdateFrequency` has up to this much jitter (kubelet.go). */
const TICK_JITTER = 0.04;
const LEASE_MS = 10_000;

/**
 * The part of a kubelet that reports its node, only at each tick: that the node is alive and ready, and
 * which volumes are in use. Registers the Node if there is none.
 */
export async function runNodeStatus(
  context: KubeletContext,
  volumes: VolumeManager,
  nowMs: () => number,
  signal: AbortSignal,
): Promise<void> {
  const { api, nodeName, machine, zone, location, clock, random, statusTickMs, trace } = context;
  let leasedMs = -Infinity;

  function register(): Node {
    const node = newNode({
      name: nodeName,
      uid: random.uuid(),
      zone,
      location,
      instanceUri: machine.instanceUri,
    });
    api.put("Node", node);
    trace.note(nodeName, "is registered");
    return node;
  }

  async function tick(): Promise<void> {
    if (!context.isReachable()) return;
    if (nowMs() - leasedMs >= LEASE_MS) {
      leasedMs = nowMs();
      api.renewLease(nodeName, leasedMs);
    }
    const node = api.get("Node", nodeName) ?? register();
    const volumesInUse = volumes.inUse();
    const isNews = !node.isReady || node.volumesInUse.join() !== volumesInUse.join();
    if (!node.isReady) trace.note(nodeName, "is ready");
    if (isNews) api.change("Node", nodeName, { isReady: true, volumesInUse });
    volumes.setReported(volumesInUse);
    if (node.volumesMax === undefined) await countSlots(context, signal);
  }

  for (;;) {
    await tick();
    await clock.sleep(Math.round(statusTickMs * (1 + random.next() * TICK_JITTER)), signal);
  }
}

/** Asks the plug-in for its volume limit, as kubelet does on registration, and writes it to CSINode. */
async function countSlots(context: KubeletContext, signal: AbortSignal): Promise<void> {
  const answer = await context.csi()?.nodeGetInfo({}, { timeoutMs: NODE_INFO_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  await context.untilReachable(signal);
  if (answer?.ok === true)
    context.api.change("Node", context.nodeName, { volumesMax: Number(answer.value.maxVolumesPerNode) });
}

const NODE_INFO_TIMEOUT_MS = 10_000;
