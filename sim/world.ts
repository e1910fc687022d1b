import type { SimulatedStore } from "../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../src/adapters/virtual/virtual-clock.ts";
import type { Random } from "../src/ports/random.ts";
import type { RefusedReleases } from "./admission/refused-releases.ts";
import type { SimAzure } from "./azure/sim-azure.ts";
import type { ControllerSlot, NodePluginSlot } from "./driver/process-slot.ts";
import type { SnapshotHistory } from "./history/snapshot-history.ts";
import type { Violation } from "./history/violation.ts";
import type { SimCluster } from "./kubernetes/sim-cluster.ts";
import type { Trace } from "./trace.ts";

/**
 * A whole cluster with the driver on it, on one virtual clock and one seed; another one may share its Azure.
 */
export interface SimWorld {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly trace: Trace;
  /** A stream of chance of that name, the same one each time: what one part draws disturbs no other. */
  random(name: string): Random;
  readonly store: SimulatedStore;
  readonly refusedReleases: RefusedReleases;
  readonly azure: SimAzure;
  readonly cluster: SimCluster;
  /** What was answered of snapshots. */
  readonly snapshots: SnapshotHistory;
  readonly controllers: readonly ControllerSlot[];
  nodePlugin(nodeName: string): NodePluginSlot | undefined;
  /** Promises that were broken so far, by the checkers that watch as things happen. */
  readonly violations: () => readonly Violation[];
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}
