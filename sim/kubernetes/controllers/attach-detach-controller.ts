import { sameJson } from "../../../src/core/primitives/same-json.ts";
import { type Node, type Pod, volumeAttachmentNameOf } from "../api/api-objects.ts";
import { between } from "../api/between.ts";
import { createWake, type Wake } from "../api/wake.ts";
import type { ControlPlane } from "./control-plane.ts";

/** `maxWaitForUnmountDuration`: how long a node that is not healthy keeps a volume that it says is in use. */
const UNMOUNT_WAIT_MS = 360_000;
/** Its reconciler's loop. */
const LOOP_MS = 100;
/**
 * The delay before it first looks at a VolumeAttachment that it has created or deleted, whatever happens
 * in between (csi_attacher.go).
 */
const FIRST_LOOK_MS = 500;
/** How long it waits for external-attacher before it reports an error. */
const ATTACH_TIMEOUT_MS = 120_000;
const BACKOFF = { baseMs: 500, maxMs: 122_000 } as const;
/** It checks once a minute whether its VolumeAttachments still exist. */
const VERIFY_MS = 60_000;

/** Its state of a volume on a node; absent: none. */
interface Believed {
  /** `uncertain`: an attach began, with an unknown result. For other nodes the volume counts as attached. */
  state: "attached" | "uncertain";
  /** Since when no pod requests it there. */
  unrequestedSinceMs: number | undefined;
}

interface VolumeState {
  readonly nodes: Map<string, Believed>;
  readonly wake: Wake;
  failures: number;
  notBeforeMs: number;
}

/**
 * The attach-detach controller: a VolumeAttachment for each volume and node whose pods need it, and never
 * on two nodes at once unless the volume is ReadWriteMany. It deletes one only when the kubelet reports that
 * the volume is not in use any more, or at once if the node is marked out of service, or six minutes after
 * the last pod if the node is not ready. With `forgetsDeletedNodes`, as from Kubernetes 1.38 on, a volume
 * counts as not in use once its Node is deleted.
 */
export function runAttachDetachController(
  plane: ControlPlane,
  { forgetsDeletedNodes = false }: { readonly forgetsDeletedNodes?: boolean | undefined } = {},
): void {
  const { api, view, clock, random, tasks, trace } = plane;
  const volumes = new Map<string, VolumeState>();
  let hasTakenOver = false;

  /** What an earlier process has attached, by the Nodes, or may have, by the VolumeAttachments. */
  function takeOver(): void {
    hasTakenOver = true;
    for (const { name: nodeName, volumesAttached } of view.list("Node")) {
      for (const volumeName of volumesAttached) {
        stateOf(volumeName).nodes.set(nodeName, { state: "attached", unrequestedSinceMs: undefined });
        verifyLater(volumeName, nodeName);
      }
    }
    for (const { volumeName, nodeName } of view.list("VolumeAttachment")) {
      const { nodes } = stateOf(volumeName);
      if (!nodes.has(nodeName)) nodes.set(nodeName, { state: "uncertain", unrequestedSinceMs: undefined });
    }
  }

  function stateOf(volumeName: string): VolumeState {
    const present = volumes.get(volumeName);
    if (present !== undefined) return present;
    const state: VolumeState = { nodes: new Map(), wake: createWake(clock), failures: 0, notBeforeMs: 0 };
    volumes.set(volumeName, state);
    tasks.start((signal) => work(volumeName, state, signal));
    return state;
  }

  async function work(volumeName: string, state: VolumeState, signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(between(random, [0, LOOP_MS]), signal);
      const waitMs = await step(volumeName, state, signal);
      if (waitMs > 0) await state.wake.wait(waitMs, signal);
    }
  }

  /** Does one thing for the volume, and returns the longest wait until the next one. */
  async function step(volumeName: string, state: VolumeState, signal: AbortSignal): Promise<number> {
    const requested = requestingNodes(volumeName);
    const nowMs = clock.elapsedMs();
    for (const [nodeName, believed] of state.nodes)
      believed.unrequestedSinceMs = requested.has(nodeName)
        ? undefined
        : (believed.unrequestedSinceMs ?? nowMs);
    if (nowMs < state.notBeforeMs) return state.notBeforeMs - nowMs;
    for (const [nodeName, believed] of state.nodes) {
      if (
        believed.unrequestedSinceMs === undefined ||
        !mayDetach(volumeName, nodeName, believed.unrequestedSinceMs)
      )
        continue;
      settle(state, await detach(volumeName, nodeName, state, signal));
      return 0;
    }
    for (const nodeName of requested) {
      if (state.nodes.get(nodeName)?.state === "attached") continue;
      // "Multi-Attach error", since 1.37 "Waiting for detach": it waits until the other node's is gone.
      const isShared = isReadWriteMany(volumeName);
      if (!isShared && [...state.nodes.keys()].some((other) => other !== nodeName)) continue;
      // It fails at once, and holds up no other node of a volume that is ReadWriteMany.
      if (isShared && isBeingDeleted(volumeName, nodeName)) continue;
      settle(state, await attach(volumeName, nodeName, state, signal));
      return 0;
    }
    return untilForcedMs(state);
  }

  function settle(state: VolumeState, isDone: boolean): void {
    state.failures = isDone ? 0 : state.failures + 1;
    state.notBeforeMs = isDone
      ? 0
      : clock.elapsedMs() + Math.min(BACKOFF.baseMs * 2 ** (state.failures - 1), BACKOFF.maxMs);
  }

  function requestingNodes(volumeName: string): ReadonlySet<string> {
    const nodes = new Set<string>();
    for (const pod of view.list("Pod"))
      if (pod.volumeName === volumeName && isUser(pod)) nodes.add(pod.nodeName ?? "");
    return nodes;
  }

  function isUser(pod: Pod): boolean {
    return pod.nodeName !== undefined && !(pod.isDeleted && pod.isStopped);
  }

  function mayDetach(volumeName: string, nodeName: string, unrequestedSinceMs: number): boolean {
    const node = view.get("Node", nodeName);
    const isInUse = isReportedInUse(volumeName, nodeName, node);
    return !isInUse || mayForce(node, unrequestedSinceMs);
  }

  /**
   * The last status of a deleted Node still holds. A process that has never seen its Node takes a volume for
   * mounted (actual_state_of_world.go).
   */
  const lastVolumesInUse = new Map<string, readonly string[]>();
  function isReportedInUse(volumeName: string, nodeName: string, node: Node | undefined): boolean {
    if (node === undefined && forgetsDeletedNodes) return false;
    return (node?.volumesInUse ?? lastVolumesInUse.get(nodeName))?.includes(volumeName) ?? true;
  }

  function mayForce(node: Node | undefined, unrequestedSinceMs: number): boolean {
    const isHealthy = node?.isReady ?? false;
    return (
      node?.isOutOfService === true ||
      (!isHealthy && clock.elapsedMs() - unrequestedSinceMs >= UNMOUNT_WAIT_MS)
    );
  }

  function isReadWriteMany(volumeName: string): boolean {
    return view.get("PersistentVolume", volumeName)?.workload.sharedBy !== undefined;
  }

  function isBeingDeleted(volumeName: string, nodeName: string): boolean {
    return api.get("VolumeAttachment", volumeAttachmentNameOf(volumeName, nodeName))?.isDeleted === true;
  }

  function untilForcedMs(state: VolumeState): number {
    const since = [...state.nodes.values()].flatMap(({ unrequestedSinceMs }) => unrequestedSinceMs ?? []);
    const leftMs = since
      .map((sinceMs) => sinceMs + UNMOUNT_WAIT_MS - clock.elapsedMs())
      .filter((left) => left > 0);
    return Math.min(...leftMs, Infinity);
  }

  async function attach(
    volumeName: string,
    nodeName: string,
    state: VolumeState,
    signal: AbortSignal,
  ): Promise<boolean> {
    const name = volumeAttachmentNameOf(volumeName, nodeName);
    const present = api.get("VolumeAttachment", name);
    if (present?.isDeleted === true) return false;
    if (present === undefined) {
      const uid = random.uuid();
      api.put("VolumeAttachment", {
        name,
        uid,
        volumeName,
        nodeName,
        isAttached: false,
        publishContext: {},
        isKeptByAttacher: false,
        isDeleted: false,
        error: undefined,
      });
      trace.note(volumeName, `its VolumeAttachment for ${nodeName} is created`);
    }
    state.nodes.set(nodeName, { state: "uncertain", unrequestedSinceMs: undefined });
    const outcome = await follow(name, signal);
    if (outcome === "gone") state.nodes.delete(nodeName);
    if (outcome !== "attached") return false;
    state.nodes.set(nodeName, { state: "attached", unrequestedSinceMs: undefined });
    changeVolumesAttached(nodeName, (attached) => [...new Set([...attached, volumeName])].toSorted());
    return true;
  }

  async function detach(
    volumeName: string,
    nodeName: string,
    state: VolumeState,
    signal: AbortSignal,
  ): Promise<boolean> {
    const name = volumeAttachmentNameOf(volumeName, nodeName);
    const isForced = mayForce(
      view.get("Node", nodeName),
      state.nodes.get(nodeName)?.unrequestedSinceMs ?? clock.elapsedMs(),
    );
    // From here on the kubelet does not mount it; then the kubelet is asked, bypassing the cache, whether
    // it already has.
    changeVolumesAttached(nodeName, (attached) => attached.filter((other) => other !== volumeName));
    const isInUse = api.get("Node", nodeName)?.volumesInUse.includes(volumeName) ?? false;
    if (isInUse && !isForced) {
      changeVolumesAttached(nodeName, (attached) => [...new Set([...attached, volumeName])].toSorted());
      return false;
    }
    const attachment = api.get("VolumeAttachment", name);
    if (attachment !== undefined && !attachment.isDeleted) {
      trace.note(volumeName, `its VolumeAttachment for ${nodeName} is deleted${isInUse ? ", by force" : ""}`);
      if (attachment.isKeptByAttacher)
        api.change("VolumeAttachment", name, { isDeleted: true, error: undefined });
      else api.remove("VolumeAttachment", name);
    }
    const outcome = await follow(name, signal);
    if (outcome === "gone") state.nodes.delete(nodeName);
    else changeVolumesAttached(nodeName, (attached) => [...new Set([...attached, volumeName])].toSorted());
    return outcome === "gone";
  }

  /**
   * Waits for external-attacher to handle a VolumeAttachment: looks late, then whenever it changes, and
   * gives up after two minutes.
   */
  async function follow(name: string, signal: AbortSignal): Promise<"attached" | "gone" | "failed"> {
    const wake = createWake(clock);
    const stop = api.onChange((change) => {
      if (change.kind === "VolumeAttachment" && change.name === name) wake.wake();
    });
    const giveUpMs = clock.elapsedMs() + ATTACH_TIMEOUT_MS;
    try {
      for (let waitMs = FIRST_LOOK_MS; ; waitMs = between(random, [LOOP_MS, FIRST_LOOK_MS])) {
        await clock.sleep(waitMs, signal);
        await api.untilReachable(signal);
        const attachment = api.get("VolumeAttachment", name);
        if (attachment === undefined) return "gone";
        if (!attachment.isDeleted && attachment.isAttached) return "attached";
        if (attachment.error !== undefined || clock.elapsedMs() >= giveUpMs) return "failed";
        await wake.wait(giveUpMs - clock.elapsedMs(), signal);
      }
    } finally {
      stop();
    }
  }

  function changeVolumesAttached(
    nodeName: string,
    change: (attached: readonly string[]) => readonly string[],
  ): void {
    const node = api.get("Node", nodeName);
    if (node !== undefined) api.change("Node", nodeName, { volumesAttached: change(node.volumesAttached) });
  }

  /** A recreated Node lists no attached volume. */
  function reportToNew(nodeName: string): void {
    const attached = [...volumes].flatMap(([name, { nodes }]) =>
      nodes.get(nodeName)?.state === "attached" ? name : [],
    );
    if (attached.length > 0) changeVolumesAttached(nodeName, () => attached.toSorted());
  }

  /**
   * The next check notices that there is no VolumeAttachment any more, and recreates it if it is still
   * needed.
   */
  function verifyLater(volumeName: string, nodeName: string): void {
    tasks.start(async (signal) => {
      await clock.sleep(between(random, [0, VERIFY_MS]), signal);
      await api.untilReachable(signal);
      const state = stateOf(volumeName);
      if (
        state.nodes.get(nodeName)?.state !== "attached" ||
        api.get("VolumeAttachment", volumeAttachmentNameOf(volumeName, nodeName)) !== undefined
      )
        return;
      state.nodes.delete(nodeName);
      state.wake.wake();
    });
  }

  view.onChange((change) => {
    if (!hasTakenOver) takeOver();
    if (change.kind === "Pod") stateOf((change.current ?? change.previous)?.volumeName ?? "").wake.wake();
    if (change.kind === "VolumeAttachment" && change.current === undefined && change.previous !== undefined) {
      const { volumeName, nodeName, isDeleted } = change.previous;
      if (!isDeleted || stateOf(volumeName).nodes.get(nodeName)?.state === "attached")
        verifyLater(volumeName, nodeName);
      if (isDeleted && isReadWriteMany(volumeName)) stateOf(volumeName).wake.wake();
    }
    if (change.kind !== "Node") return;
    if (change.current !== undefined && change.previous?.uid !== change.current.uid) reportToNew(change.name);
    if (change.previous !== undefined) lastVolumesInUse.set(change.name, change.previous.volumesInUse);
    if (!isRelevantNodeChange(change.previous, change.current)) return;
    for (const state of volumes.values()) if (state.nodes.has(change.name)) state.wake.wake();
  });
}

/** Whether a node has changed in anything that decides what may be detached from it. */
function isRelevantNodeChange(previous: Node | undefined, current: Node | undefined): boolean {
  const relevant = (node: Node | undefined): object | undefined =>
    node === undefined
      ? undefined
      : { isReady: node.isReady, isOutOfService: node.isOutOfService, volumesInUse: node.volumesInUse };
  return !sameJson(relevant(previous), relevant(current));
}
