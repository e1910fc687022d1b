import { kinds as allKinds } from "../../../src/adapters/object-semantics/stored-object.ts";
import type { Weather } from "../../../src/adapters/simulated-store/weather.ts";
import { type BeginFault, type FaultClass, nodeOfPod, processesOf } from "../fault-class.ts";

const kinds = ["AzVolume", "AzVolumeAttachment"] as const;

/** A heartbeat writes twice before it fails, and is then repeated after up to a minute. */
const HEARTBEATS_REFUSED = 16;

/** Every connection to the store is that bad for a while. */
function weather(bad: (dice: number) => Partial<Weather>): BeginFault {
  return (context, { dice }) => {
    const processes = processesOf(context);
    for (const { store } of processes) store.setWeather(bad(dice));
    return () => {
      for (const { store } of processes) store.clearWeather();
    };
  };
}

/** The object store refuses, or carries out a request without reporting it. */
export const conflicts: FaultClass = {
  name: "conflicts",
  about:
    "writes of objects are answered with a conflict, or are done and the answer is lost, or all are " +
    "refused for minutes, or the store is out of reach",
  variants: {
    "every-write-once": {
      forMs: [10_000, 60_000],
      begin: (context) => {
        for (const { store } of processesOf(context)) {
          for (const kind of kinds) {
            for (const verb of ["update", "updateStatus"] as const)
              store.failNext({ fault: "conflict", kind, verb });
          }
        }
        return () => undefined;
      },
    },
    "answers-lost": {
      forMs: [10_000, 60_000],
      begin: (context) => {
        for (const { store } of processesOf(context)) {
          for (const kind of kinds) {
            for (const verb of ["create", "update", "updateStatus", "delete"] as const)
              store.failNext({ fault: "lostAnswer", kind, verb });
          }
        }
        return () => undefined;
      },
    },
    "heartbeats-refused": {
      forMs: [60_000, 90_000],
      isDirected: true,
      begin: (context, fault) => {
        const plugin = context.world.nodePlugin(nodeOfPod(context.world, fault));
        const takeBack = Array.from({ length: HEARTBEATS_REFUSED }, () =>
          plugin?.store.failNext({ fault: "conflict", kind: "AzDriverNode", verb: "updateStatus" }),
        );
        return () => {
          for (const take of takeBack) take?.();
        };
      },
    },
    "many-conflicts": { forMs: [10_000, 90_000], begin: weather((dice) => ({ conflict: 0.2 + dice * 0.6 })) },
    "many-lost": { forMs: [10_000, 90_000], begin: weather((dice) => ({ lostAnswer: 0.05 + dice * 0.3 })) },
    unavailable: {
      forMs: [10_000, 60_000],
      delaysNews: true,
      begin: weather((dice) => ({ unavailable: 0.1 + dice * 0.6 })),
    },
    // Etcd has no space left, or an admission webhook is away that judges all but Leases: then there stays
    // a leader that can write nothing else, while Azure does what it asks for.
    "writes-refused": {
      forMs: [60_000, 150_000],
      isDirected: true,
      delaysNews: true,
      begin: weather((dice) => ({
        refusedKinds: dice < 0.5 ? allKinds : allKinds.filter((kind) => kind !== "Lease"),
      })),
    },
    slow: {
      forMs: [20_000, 90_000],
      delaysNews: true,
      begin: weather((dice) => ({ callDelayMs: [5, 100 + dice * 3_000] })),
    },
  },
};
