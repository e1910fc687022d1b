import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { objectsIn } from "../history/objects-in.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import type { SimCluster, SimPod } from "../kubernetes/sim-cluster.ts";

/** How long after a pod's deletion some controller may still see it, in milliseconds. */
const SEEN_FOR_MS = 3_000;
/** The same while a fault delays watches, by two minutes at most. */
const SEEN_LATE_MS = 180_000;

/**
 * A node's request proves no user: if nodes attach by themselves, no controller grants a volume to a node
 * unless a pod of the volume is bound there, or was a moment ago.
 */
export function watchGrants(world: {
  readonly clock: Pick<VirtualClock, "elapsedMs">;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly cluster: Pick<SimCluster, "pods" | "onPodGone" | "diskUriOf">;
  readonly outside: Pick<OutsideEvents, "isNewsLate">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { clock, cluster, outside } = world;
  /** When a pod was last gone, by node and disk. The next commit may come much later. */
  const goneAtMs = new Map<string, number>();
  const keyOf = ({ nodeName, volumeName }: SimPod): string | undefined => {
    const diskUri = cluster.diskUriOf(volumeName);
    return nodeName === undefined || diskUri === undefined ? undefined : placeKey(nodeName, diskUri);
  };

  cluster.onPodGone((pod) => {
    const key = keyOf(pod);
    if (key !== undefined) goneAtMs.set(key, clock.elapsedMs());
  });
  world.store.onCommit((commit) => {
    const granted = grantIn(commit);
    if (granted === undefined) return;
    const key = placeKey(granted.nodeName, granted.diskUri);
    if (cluster.pods().some((pod) => keyOf(pod) === key)) return;
    const goneForMs = clock.elapsedMs() - (goneAtMs.get(key) ?? Number.NEGATIVE_INFINITY);
    if (goneForMs <= (outside.isNewsLate() ? SEEN_LATE_MS : SEEN_FOR_MS)) return;
    world.report({
      invariant: "granted-unasked",
      detail: `${commit.by} granted ${commit.name} to ${granted.nodeName}, where no pod of it is bound`,
    });
  });
}

function placeKey(nodeName: string, diskUri: string): string {
  return `${nodeName} ${resourceUriKey(diskUri)}`;
}

/** The node that a controller makes the writer with this commit. */
function grantIn(
  commit: SimulatedCommit,
): { readonly nodeName: string; readonly diskUri: string } | undefined {
  if (!commit.by.startsWith("controller")) return undefined;
  const { before, after } = objectsIn(commit, "AzVolume");
  const { detail, record } = after?.status ?? {};
  const earlier = before?.status?.record?.writer;
  const writer = record?.writer;
  if (
    detail === undefined ||
    writer === undefined ||
    writer.held ||
    // An entry that gets the present name of its VM keeps its epoch, and grants nothing.
    (earlier?.epoch === writer.epoch &&
      (earlier.nodeName === writer.nodeName || earlier.vmId === writer.vmId))
  )
    return undefined;
  return { nodeName: writer.nodeName, diskUri: detail.diskUri };
}
