import { forgetReservation } from "../../../src/adapters/model-host/reservation/model-reservation.ts";
import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import { diceAgain, type FaultVariant, overAtOnce, pick } from "../fault-class.ts";

/** How long commands for reservations take, in milliseconds: beyond the life of their plug-in. */
const LATE_MS = [2_000, 15_000, 60_000] as const;

/** The disk forgets who reserves it; not while a fence relies on that. */
export const reservationForgotten: FaultVariant = {
  forMs: [1_000, 1_000],
  isDirected: true,
  begin: ({ world }, { volumeName }) => {
    const diskUri = world.cluster.diskUriOf(volumeName);
    const disk = diskUri === undefined ? undefined : world.azure.diskOf(diskUri);
    const isFencing = world.store
      .objects("AzVolume")
      .some(
        ({ status }) =>
          status?.record?.fencing !== undefined &&
          isSameResourceUri(status.detail?.diskUri ?? "", diskUri ?? ""),
      );
    if (disk !== undefined && !isFencing) forgetReservation(disk);
    return overAtOnce;
  },
};

/** The disk aborts nothing that it has accepted. */
export const withoutAbort: FaultVariant = {
  forMs: [60_000, 200_000],
  isDirected: true,
  begin: ({ world }, { volumeName }) => {
    const diskUri = world.cluster.diskUriOf(volumeName);
    const disk = diskUri === undefined ? undefined : world.azure.diskOf(diskUri);
    if (disk === undefined) return overAtOnce;
    disk.reservation.support = "withoutAbort";
    return () => {
      disk.reservation.support = "full";
    };
  },
};

/** Nodes' commands for reservations land late, or fail, and some whose plug-in has died. */
export const reservationsLate: FaultVariant = {
  forMs: [20_000, 90_000],
  isDirected: true,
  begin: ({ world, nodeNames }, { dice }) => {
    const ends = nodeNames.flatMap((nodeName, index) => {
      const kernel = world.azure.machineOf(nodeName)?.kernel;
      if (kernel === undefined) return [];
      const latencyMs = pick(LATE_MS, diceAgain(dice, index));
      for (const method of ["reserve", "preempt", "releaseReservation"] as const)
        kernel.setLatencyMs(method, latencyMs);
      if (diceAgain(dice, index + 10) < 0.5)
        kernel.failNext("preempt", {
          kind: "HostCommandTimedOut",
          command: "sg_persist",
          timeoutMs: latencyMs,
        });
      return [
        () => {
          for (const method of ["reserve", "preempt", "releaseReservation"] as const)
            kernel.setLatencyMs(method, 0);
        },
      ];
    });
    return () => ends.forEach((end) => end());
  },
};
