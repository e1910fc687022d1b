import assert from "node:assert/strict";
import { watchWriters } from "../checkers/watch-writers.ts";
import { createSimWorld, type SimWorldOptions } from "../create-sim-world.ts";
import type { SimWorld } from "../world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
/** The longest that anything may take, in milliseconds of virtual time. */
const LIMIT_MS = 600_000;

/** A world in which the machine of a pod that writes is frozen. */
export interface Frozen {
  readonly world: SimWorld;
  readonly nodeName: string;
  readonly until: (what: string, isReached: () => boolean, limitMs?: number) => Promise<void>;
  /** The events of the volume since the machine froze. */
  readonly events: () => readonly string[];
}

/** A pod that writes, with a replica, on a machine that freezes; nothing is marked. */
export async function withFrozenWriter(
  attach: "kubernetes" | "driver",
  act: (frozen: Frozen) => Promise<void>,
  {
    seed = 1,
    ...shape
  }: Pick<SimWorldOptions, "reservations" | "forgetsDeletedNodes" | "settings" | "timeScale"> & {
    readonly seed?: number;
  } = {},
): Promise<void> {
  const world = createSimWorld({ seed, attach, nodes, ...shape });
  watchWriters(world);
  const end = new AbortController();
  const running = world.run(end.signal);
  const until = async (what: string, isReached: () => boolean, limitMs = LIMIT_MS): Promise<void> => {
    if (!(await world.clock.runUntil(isReached, limitMs)))
      assert.fail(`${what}: not reached\n${world.trace.lines().slice(-60).join("\n")}`);
  };
  try {
    world.cluster.apply({
      volumeName: "vol-1",
      sizeGiB: 4,
      skuName: "Premium_LRS",
      maxShares: 2,
      replicas: 1,
      access: "mount",
    });
    await until(
      "the pod to run",
      () => world.cluster.pods().some((pod) => pod.isReady) && world.cluster.unfinished().length === 0,
    );
    const nodeName = world.cluster.pods()[0]?.nodeName ?? "";
    const before = world.trace.lines().length;
    world.azure.freeze(nodeName);
    const events = (): readonly string[] =>
      world.trace
        .lines()
        .slice(before)
        .filter((line) => line.includes("reports AzVolume vol-1: "));
    await act({ world, nodeName, until, events });
    assert.deepEqual(world.violations(), []);
  } finally {
    end.abort();
    await running;
  }
}
