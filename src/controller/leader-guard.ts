import type { ObjectStore } from "../ports/store/object-store.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { cloudChanges, guardChanges, guardCloud, type Refusal } from "./guard-changes.ts";

const storeChanges: Readonly<Record<Exclude<keyof ObjectStore, "get" | "list" | "watch">, true>> = {
  create: true,
  update: true,
  updateStatus: true,
  delete: true,
};

/**
 * The same ports for a leader: they write, request changes and emit events only while it leads. A process
 * that was paused learns from its own clock, before any timer or message, that its term has ended; its
 * pending change is `Cancelled`.
 */
export function leaderGuard(ports: ControllerPorts, isLeading: () => boolean): ControllerPorts {
  const refusal: Refusal = () => (isLeading() ? undefined : { kind: "Cancelled" });
  const { events } = ports;
  return {
    ...ports,
    // What a paused process reports is what it knew before another led.
    events: { emit: (event) => void (isLeading() && events.emit(event)) },
    store: guardChanges(ports.store, storeChanges, refusal),
    cloud: guardCloud(ports.cloud, cloudChanges, refusal),
    clusterVolumes: guardChanges(
      ports.clusterVolumes,
      { deleteAttachment: true, releaseAttachment: true, releaseVolumes: true },
      refusal,
    ),
    marks:
      ports.marks === undefined
        ? undefined
        : guardChanges(ports.marks, { mark: true, unmark: true }, refusal),
  };
}
