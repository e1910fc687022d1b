import type {
  SimulatedCommit,
  SimulatedStore,
} from "../../../src/adapters/simulated-store/simulated-store.ts";
import { createVirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import type { AzVolume, Writer } from "../../../src/core/api/az-volume.ts";
import { changedRecord, type RecordChanges } from "../../../src/core/testing/record-lists.ts";
import { newRecord } from "../../../src/core/writer/record/writer-steps.ts";
import type { DiskEvent } from "../../azure/sim-azure.ts";
import type { SimMachine } from "../../azure/sim-machine.ts";
import { isNeighbours } from "../../azure/strangers.ts";
import type { Violation } from "../../history/violation.ts";

/** The disk of every test history. */
export const diskUri = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/vol-1";

/** A test machine, with a switch for its ability to write. */
export interface MadeUpMachine {
  readonly machine: SimMachine;
  canWrite: boolean;
  state: "running" | "frozen" | "off";
}

/** A machine on which nothing runs. */
export function aMachine(nodeName: string): MadeUpMachine {
  const made: MadeUpMachine = {
    canWrite: false,
    state: "running",
    machine: {
      nodeName,
      isOrWas: (name) => name === nodeName,
      instanceUri: instanceUriOf(nodeName),
      vmGuid: `guid-${nodeName}`,
      osDisk: () => 1,
      rootDisk: { isBroken: false },
      clock: createVirtualClock(),
      state: () => made.state,
      boot: () => new AbortController().signal,
      passed: () => Promise.resolve(),
      bootNumber: () => 1,
      onBoot: () => undefined,
      // Checkers use nothing else of a kernel.
      kernel: { canWrite: () => made.canWrite, mounts: () => [] } as unknown as SimMachine["kernel"],
    },
  };
  return made;
}

/** A source of events for checkers, and what they report. */
export function aHistory() {
  const diskListeners: ((event: DiskEvent) => void)[] = [];
  const commitListeners: ((commit: SimulatedCommit) => void)[] = [];
  const violations: Omit<Violation, "atMs">[] = [];
  const clock = createVirtualClock();
  let volumes: readonly AzVolume[] = [];
  // Checkers ask for no other kind.
  const objects = (() => volumes) as SimulatedStore["objects"];
  return {
    clock,
    violations,
    invariants: () => violations.map(({ invariant }) => invariant),
    azure: {
      onDiskEvent: (listener: (event: DiskEvent) => void) => {
        diskListeners.push(listener);
      },
      isOthers: isNeighbours,
    },
    store: {
      onCommit: (listener: (commit: SimulatedCommit) => void) => {
        commitListeners.push(listener);
        return () => undefined;
      },
      objects,
    },
    /** Makes these the volumes of the store without a commit, as a restored backup does. */
    restore: (...restored: readonly AzVolume[]) => {
      volumes = restored;
    },
    report: (violation: Omit<Violation, "atMs">) => {
      violations.push(violation);
    },
    happen: (event: DiskEvent) => {
      for (const listener of diskListeners) listener(event);
    },
    commit: (
      commit: Pick<SimulatedCommit, "kind" | "name" | "before" | "after"> & Partial<SimulatedCommit>,
    ) => {
      for (const listener of commitListeners)
        listener({ by: "controller-1", verb: "updateStatus", resourceVersion: "1", atMs: 0, ...commit });
    },
  };
}

/** The volume of `diskUri`, with a record. */
export function aVolume(record: RecordChanges = {}): AzVolume {
  return {
    metadata: {
      name: "vol-1",
      uid: "uid-1",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: {
      volumeName: "vol-1",
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
      disk: {
        skuName: "Premium_LRS",
        sizeGiB: 4,
        maxShares: 2,
        tags: {},
        networkAccessPolicy: "DenyAll",
      },
      maxMountReplicaCount: 1,
      volumeContext: {},
      deleteRequested: false,
    },
    status: {
      state: "Created",
      observedGeneration: 1,
      conditions: [],
      detail: {
        diskUri,
        sizeGiB: 4,
        maxShares: 2,
        skuName: "Premium_LRS",
        location: "eastus",
        zones: [],
      },
      record: changedRecord(newRecord(0), record),
    },
  };
}

/** A writer that has acquired its grant. */
export function aWriter(nodeName: string, epoch: number): Writer {
  return {
    nodeName,
    vmId: `guid-${nodeName}`,
    instanceUri: instanceUriOf(nodeName),
    epoch,
    held: true,
    requested: true,
  };
}

/** The resource id of a node's VM. */
export function instanceUriOf(nodeName: string): string {
  return `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/${nodeName}`;
}
