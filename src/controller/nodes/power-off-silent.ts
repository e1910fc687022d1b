import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import type { PowerState } from "../../core/azure/power-state.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import {
  BELIEVED_AGAIN_MS,
  doubtOfDeath,
  type HeardNode,
  planPowerOff,
  type PowerOffStep,
} from "../../core/node/plan-power-off.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { POWER_OFF_REQUESTED } from "../../core/states/node-conditions.ts";
import { kubeletOf, silentAfterMs } from "../../core/writer/node-silence.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { sleepUnlessAborted } from "../../ports/clock.ts";
import type { Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { DriverEvent } from "../../ports/cluster/events.ts";
import type { NodeMarks } from "../../ports/cluster/node-marks.ts";
import type { NodesPorts } from "../controller-ports.ts";
import { hasFallenSilent } from "../writer/mark-silent.ts";

/**
 * For how long a node that the driver has marked counts as silent, in milliseconds: a change that is rolled
 * out node by node, and cuts each off, would otherwise have all VMs but one powered off, one by one.
 */
export const SPREADS_FOR_MS = 3_600_000;

/**
 * How long after a look the next one still counts on it, in milliseconds: where none has looked for longer,
 * others may have fallen silent and come back since.
 */
const LOOKS_APART_MAX_MS = 30_000;

/** A silent node, by its Node object and its AzDriverNode. */
export type KnownNode = NodeIdentity & { readonly nodeUid: string };

/** Since when each look at a node has found too few silent ones to doubt that it is dead. */
interface Belief {
  /** The node's last one: it belongs to this silence alone. */
  readonly heartbeat: number | undefined;
  /** For how long the node had been silent then, in milliseconds of a watch that works. */
  readonly sinceMs: number;
  readonly lookedMs: number;
}

interface PowerOffSilent {
  /** Powers off the VM of a silent node. Returns after how many milliseconds to look again at the latest. */
  readonly powerOff: (marks: NodeMarks, node: KnownNode, signal: AbortSignal) => Promise<Result<number>>;
  /** Continues to look at a node during `work`, whose calls may wait for Azure's limits. */
  readonly lookDuring: <T>(node: KnownNode, work: () => Promise<T>) => Promise<T>;
}

/** The memory of earlier looks. Without it, as after a restart, it begins again. */
export function createPowerOffSilent(ports: NodesPorts): PowerOffSilent {
  const { cache, clock, settings } = ports;
  const beliefs = new Map<string, Belief>();
  const believedMs: BelievedMs = (nodeName, { unchangedMs, isDoubted }) => {
    const nowMs = clock.elapsedMs();
    const heartbeat = cache.get("AzDriverNode", nodeName)?.status?.heartbeat;
    const before = beliefs.get(nodeName);
    const isContinued =
      before !== undefined && before.heartbeat === heartbeat && nowMs - before.lookedMs <= LOOKS_APART_MAX_MS;
    const sinceMs = isContinued && !isDoubted ? before.sinceMs : unchangedMs;
    if (isDoubted) beliefs.delete(nodeName);
    else beliefs.set(nodeName, { heartbeat, sinceMs, lookedMs: nowMs });
    return unchangedMs - sinceMs;
  };
  const lookOn = async (node: KnownNode, signal: AbortSignal): Promise<void> => {
    for (;;) {
      await sleepUnlessAborted(clock, BELIEVED_AGAIN_MS, signal);
      if (signal.aborted) return;
      planFor(ports, node, believedMs);
    }
  };
  return {
    powerOff: (marks, node, signal) => powerOffSilent(ports, { marks, believedMs }, node, signal),
    lookDuring: async (node, work) => {
      if (settings.silentNodes === "wait") return work();
      const ended = new AbortController();
      const looks = lookOn(node, ended.signal);
      try {
        return await work();
      } finally {
        ended.abort();
        await looks;
      }
    },
  };
}

/**
 * Failures that the next look finds, too, or that say nothing of the VM: another one has its resource id, the
 * AzDriverNode was written or deleted in that moment, or this process ends.
 */
const unreported: ReadonlySet<Failure["kind"]> = new Set([
  "InstanceReplaced",
  "InstanceNotFound",
  "ObjectConflict",
  "ObjectNotFound",
  "Cancelled",
]);

/** Notes whether this look doubts the node's death, and returns for how long none has. */
type BelievedMs = (
  nodeName: string,
  look: { readonly unchangedMs: number; readonly isDoubted: boolean },
) => number;

/**
 * Powers off the VM of a silent node that Azure shows as running, where `--silent-nodes power-off` allows it:
 * the next look at the VM then finds it off, reports that and marks the node. An event also shows that it was
 * not done: a person may have to act.
 */
async function powerOffSilent(
  ports: NodesPorts,
  { marks, believedMs }: { readonly marks: NodeMarks; readonly believedMs: BelievedMs },
  node: KnownNode,
  signal: AbortSignal,
): Promise<Result<number>> {
  const { nodeName, instanceUri, vmId } = node;
  // By which the plan judges: any later one ends the silence.
  const lastHeartbeat = ports.cache.get("AzDriverNode", nodeName)?.status?.heartbeat;
  const step = planFor(ports, node, believedMs);
  if (step.kind === "Keep") return ok(Infinity);
  if (step.kind === "LookAgain") return ok(step.afterMs);
  const writes = writtenBy(ports, node);
  const what = `${nodeName} is silent and writes ${writes.join(", ")}`;
  const left = (event: Pick<DriverEvent, "message" | "localKey">): void =>
    ports.events.emit({
      about: { kind: "AzDriverNode", name: nodeName },
      reason: "NodeNotPoweredOff",
      ...event,
    });
  if (step.kind === "Withhold") {
    left({
      message: `${what}, and its VM was left running: ${step.reason}`,
      localKey: "too many are silent",
    });
    return ok(Infinity);
  }
  const precondition: Precondition = async (callSignal) => {
    // The request may have waited for Azure's limits, and others may have fallen silent.
    if (planFor(ports, node, believedMs).kind !== "PowerOff") return false;
    const writing = await stillWrites(ports, node, writes, callSignal);
    if (!writing.ok) return writing.failure;
    if (!writing.value) return false;
    const recorded = await recordRequest(ports, marks, { ...node, lastHeartbeat, what }, callSignal);
    if (!recorded.ok) return recorded.failure;
    if (recorded.value)
      ports.logger.warn("powering off the VM of a silent node", { nodeName, instanceUri, vmId, writes });
    return recorded.value;
  };
  const poweredOff = await ports.steps.run("power-off", () =>
    ports.cloud.powerOff({ node, precondition }, signal),
  );
  if (!poweredOff.ok) {
    const { failure } = poweredOff;
    if (!unreported.has(failure.kind))
      left(failureEventText(`${what}, and powering off its VM failed`, failure));
    return poweredOff;
  }
  if (!poweredOff.value) return ok(Infinity);
  ports.logger.warn("VM of a silent node powered off", { nodeName, instanceUri, vmId, writes });
  return ok(0);
}

function planFor(ports: NodesPorts, node: KnownNode, believedMs: BelievedMs): PowerOffStep {
  const { cache, settings } = ports;
  const known = cache.reportedNodes().find(({ metadata }) => metadata.name === node.nodeName)?.status;
  const counted = cache
    .reportedNodes()
    .filter((other) => other.metadata.name !== node.nodeName && counts(ports, other));
  const others = counted.map((other): HeardNode => ({
    zone: other.status?.zone ?? "",
    // Where no heartbeat arrives at all, little time counts as watched, and their silence shows late.
    isSilent:
      hasFallenSilent(ports, other) ||
      (cache.unchangedMs("AzDriverNode", other.metadata.name) ?? 0) >= silentAfterMs(settings, other.status),
  }));
  // So much later may the heartbeats of others be late, and their silence show.
  const delaysMs = [known, ...counted.map(({ status }) => status)].map(
    (status) => status?.heartbeatDelayMs ?? 0,
  );
  const unchangedMs = cache.watchedUnchangedMs("AzDriverNode", node.nodeName) ?? 0;
  const lateMs = Math.max(...delaysMs);
  const silentMs = unchangedMs - silentAfterMs(settings, known) - lateMs;
  const zone = known?.zone ?? "";
  const heardAs = heardUnderAnotherName(ports, node);
  // The node may have been silent for long before its kubelet was cut off, with others: looks begin then.
  const isDoubted = heardAs !== undefined || doubtOfDeath({ zone }, others) !== undefined;
  const believed = believedMs(node.nodeName, { unchangedMs, isDoubted }) - lateMs;
  // Others that were cut off with it may have sent their last heartbeat so much later.
  const powerOffAfterMs = Math.max(settings.powerOffAfterMs, known?.heartbeatMs ?? 0);
  const silent = { zone, silentMs, believedMs: believed, heardAs, writes: writtenBy(ports, node) };
  return planPowerOff(silent, others, { ...settings, powerOffAfterMs });
}

/** Another node that the VM is: its plug-in sends heartbeats from there, or its kubelet does. */
function heardUnderAnotherName(ports: NodesPorts, node: KnownNode): string | undefined {
  const { cache, users } = ports;
  const reporting = cache
    .reportedNodes()
    .find((other) => other.metadata.name !== node.nodeName && isHeardFrom(ports, other, node));
  if (reporting !== undefined) return reporting.metadata.name;
  const present = users.cachedNodeNameOf(node.instanceUri);
  if (present === undefined || present === node.nodeName) return undefined;
  return kubeletOf(users.cachedNode(present)) === "unreachable" ? undefined : present;
}

/**
 * Whether a plug-in sends heartbeats from the VM of another node. A token could say so of any VM, but not of
 * one that its own Node contradicts.
 */
function isHeardFrom(
  ports: NodesPorts,
  other: AzDriverNode,
  { vmId, instanceUri }: Pick<KnownNode, "vmId" | "instanceUri">,
): boolean {
  const { status } = other;
  if (status === undefined || !isSameVmId(status.vmId, vmId)) return false;
  const { instanceUri: named = instanceUri } = ports.users.cachedNode(other.metadata.name);
  return (
    isSameResourceUri(status.instanceUri, instanceUri) &&
    isSameResourceUri(named, instanceUri) &&
    !hasFallenSilent(ports, other)
  );
}

/** Whether a node counts among those that are heard or silent. */
function counts({ cache, users }: NodesPorts, { metadata: { name } }: AzDriverNode): boolean {
  const { isGone, isOutOfService, isMarkedByDriver } = users.cachedNode(name);
  if (isGone) return false;
  if (!isOutOfService) return true;
  // Of a node that a person has marked it is known why it is silent.
  return isMarkedByDriver === true && (cache.watchedUnchangedMs("AzDriverNode", name) ?? 0) < SPREADS_FOR_MS;
}

/** The volumes whose writer is this very VM. */
function writtenBy({ cache }: NodesPorts, node: KnownNode): readonly string[] {
  return cache
    .byIndex("AzVolume", "recordedOn", node.nodeName)
    .filter((volume) => hasWriter(volume, node))
    .map(({ metadata }) => metadata.name);
}

function hasWriter({ status }: AzVolume, node: KnownNode): boolean {
  return isNamed(status?.record, node, "writer");
}

/** Whether this very VM is the writer of one of the volumes past the cache, which may be behind. */
async function stillWrites(
  { store }: NodesPorts,
  node: KnownNode,
  volumeNames: readonly string[],
  signal: AbortSignal,
): Promise<Result<boolean>> {
  for (const name of volumeNames) {
    const volume = await store.get("AzVolume", name, signal);
    if (volume.ok && hasWriter(volume.value, node)) return ok(true);
    if (!volume.ok && volume.failure.kind !== "ObjectNotFound") return volume;
  }
  return ok(false);
}

/**
 * Records that the VM is about to be powered off, where neither the node plug-in nor the kubelet has
 * reported since, past every cache. The leader that finds the VM off reports it: the one that has asked
 * for it may have ended by then.
 */
async function recordRequest(
  { store, clock }: NodesPorts,
  marks: NodeMarks,
  node: KnownNode & { readonly lastHeartbeat: number | undefined; readonly what: string },
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const present = await store.get("AzDriverNode", node.nodeName, signal);
  if (!present.ok) return present;
  const { status } = present.value;
  if (status === undefined || status.heartbeat !== node.lastHeartbeat) return ok(false);
  const markable = await marks.isMarkable(node, signal);
  if (!markable.ok || !markable.value) return markable;
  const condition = {
    type: POWER_OFF_REQUESTED,
    status: "True",
    reason: "NodePoweredOff",
    message: node.what,
    lastTransitionTime: toTimestamp(clock.nowMs()),
  } as const;
  const conditions = [...status.conditions.filter(({ type }) => type !== POWER_OFF_REQUESTED), condition];
  const recorded = await store.updateStatus(
    "AzDriverNode",
    { ...present.value, status: { ...status, conditions } },
    signal,
  );
  return recorded.ok ? ok(true) : recorded;
}

/**
 * Reports that the VM is off, as a controller has decided. Not that the driver has done it: Azure may have
 * refused the request, and a person may have stopped the VM since. Reads past the cache: another leader may
 * have decided it just now, and none looks again.
 */
export async function reportPoweredOff(
  { store, events }: NodesPorts,
  { nodeName, instanceUri, powerState }: KnownNode & { readonly powerState: PowerState },
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const present = await store.get("AzDriverNode", nodeName, signal);
  if (!present.ok) return present.failure.kind === "ObjectNotFound" ? ok(undefined) : present;
  const requested = present.value.status?.conditions.find(({ type }) => type === POWER_OFF_REQUESTED);
  if (requested === undefined) return ok(undefined);
  events.emit({
    about: { kind: "AzDriverNode", name: nodeName },
    reason: "NodePoweredOff",
    message:
      `${requested.message}: the driver decided at ${requested.lastTransitionTime} to power off its VM ` +
      `${instanceUri}, which Azure shows as ${powerState}`,
  });
  return ok(undefined);
}
