import { createModelArmApi } from "../../../src/adapters/arm-model/model-arm-api.ts";
import { formatDiskUri } from "../../../src/core/azure/ids/disk-uri.ts";
import { formatInstanceUri } from "../../../src/core/azure/ids/instance-uri.ts";
import type { ArmAnswer, ArmRequest } from "../../../src/emulator/model/api/arm-message.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import type { ArmVmName } from "../../../src/provisioner/arm/arm-api.ts";
import type { SimAzure } from "../sim-azure.ts";
import { sentCalls } from "./sent-calls.ts";
import { createUnlistedDisks } from "./unlisted-disks.ts";

/** One way of a call to Azure or back, in milliseconds. */
const ONE_WAY_MS = [3, 25] as const;

const lost: ArmAnswer = { status: 0, headers: {}, delivery: { kind: "Dropped" }, sequence: 0 };

/** Callers' connections to Azure, with latencies drawn from `random`. */
export function createSimWire(options: {
  readonly handle: (request: ArmRequest) => ArmAnswer;
  readonly subscriptionId: string;
  readonly nodeNameAt: SimAzure["nodeNameAt"];
  readonly instanceUriOf: SimAzure["instanceUriOf"];
  readonly clock: Clock;
  readonly random: Random;
}): Pick<
  SimAzure,
  | "arm"
  | "setReachable"
  | "setSlowness"
  | "delayUpdates"
  | "delayDiskUpdates"
  | "delaySnapshots"
  | "unlistDataDisks"
  | "disownDisk"
> {
  const { handle, subscriptionId, nodeNameAt, instanceUriOf, clock, random } = options;
  const unreachable = new Set<string>();
  const updates = createDelays<Delayed<"delayUpdates">>();
  const diskUpdates = createDelays<Delayed<"delayDiskUpdates">>();
  const snapshots = createDelays<Delayed<"delaySnapshots">>();
  const unlisted = createUnlistedDisks();
  let slow = { probability: 0, ms: 0 };

  const slownessMs = (): number =>
    slow.probability > 0 && random.next() < slow.probability ? random.next() * slow.ms : 0;

  return {
    arm: (caller) => {
      const isReachable = (): boolean => !unreachable.has(caller);
      const arm = createModelArmApi({
        model: { handle: (request) => (isReachable() ? unlisted.shown(request, handle(request)) : lost) },
        subscriptionId,
        clock,
        caller,
        oneWayMs: () => ONE_WAY_MS[0] + random.next() * (ONE_WAY_MS[1] - ONE_WAY_MS[0]) + slownessMs(),
      });
      const startVmUpdate: typeof arm.startVmUpdate = async (request, signal) => {
        const nodeName = nodeNameAt(instanceUriIn(request));
        const delayMs = updates.msOf({ caller, nodeName });
        if (delayMs > 0) await clock.sleep(delayMs, signal);
        return arm.startVmUpdate(request, signal);
      };
      const startDiskUpdate: typeof arm.startDiskUpdate = async (request, signal) => {
        const diskUri = formatDiskUri({ ...request, diskName: request.name }).toLowerCase();
        const delayMs = diskUpdates.msOf({ caller, diskUri });
        if (delayMs > 0) await clock.sleep(delayMs, signal);
        return arm.startDiskUpdate(request, signal);
      };
      const startSnapshotCreate: typeof arm.startSnapshotCreate = async (request, signal) => {
        const sourceUri = request.snapshot.sourceId.toLowerCase();
        const delayMs = snapshots.msOf({ caller, sourceUri });
        if (delayMs > 0) await clock.sleep(delayMs, signal);
        return arm.startSnapshotCreate(request, signal);
      };
      return sentCalls({ ...arm, startVmUpdate, startDiskUpdate, startSnapshotCreate }, isReachable);
    },
    delayUpdates: updates.add,
    delayDiskUpdates: diskUpdates.add,
    delaySnapshots: snapshots.add,
    unlistDataDisks: (nodeName) => unlisted.unlist(instanceUriOf(nodeName)),
    disownDisk: (diskUri) => unlisted.disown(diskUri),
    setReachable: (caller, isReachable) => {
      if (isReachable) unreachable.delete(caller);
      else unreachable.add(caller);
    },
    setSlowness: (slowness) => {
      slow = slowness;
    },
  };
}

function instanceUriIn({ subscriptionId, resourceGroup, name, scaleSet }: ArmVmName): string {
  return formatInstanceUri({
    subscriptionId,
    resourceGroup,
    scaleSetName: scaleSet?.name,
    instanceName: scaleSet?.instanceId ?? name,
  });
}

/** What a rule of a delay is asked about. */
type Delayed<Name extends "delayUpdates" | "delayDiskUpdates" | "delaySnapshots"> = Parameters<
  Parameters<SimAzure[Name]>[0]
>[0];

/** Delays of one kind of request, each by a rule of its own, in milliseconds; the longest counts. */
function createDelays<Request>(): {
  /** Adds a rule. Returns how to remove it. */
  readonly add: (delayMs: (request: Request) => number) => () => void;
  readonly msOf: (request: Request) => number;
} {
  const rules = new Set<(request: Request) => number>();
  return {
    add: (delayMs) => {
      rules.add(delayMs);
      return () => rules.delete(delayMs);
    },
    msOf: (request) => Math.max(0, ...[...rules].map((delayMs) => delayMs(request))),
  };
}
