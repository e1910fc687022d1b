import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Lab, type LabNode, type LabOptions, startLab } from "../../demo/lab/lab.ts";
import { withFlags } from "../../demo/lab/with-flags.ts";
import { leftovers } from "../../demo/observe.ts";
import { volumeOptions } from "../../src/compose/settings/volume-options.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { type ReplicaWatch, watchReplicas } from "./replica-watch.ts";

/** Azure's latencies times this: an attach takes about 20 ms. */
const TIME_SCALE = 0.02;
const HEARTBEAT_MS = 300;
/** Longer than unrequested replicas are kept: each volume that fails over is older. */
const OBJECTS_BORN_AGED_MS = 3_600_000;

/** What a test receives: a lab, and a signal that ends with it. */
export interface LabWorld {
  readonly lab: Lab;
  readonly signal: AbortSignal;
  /** The node of that name. */
  node(name: string): LabNode;
}

type WorkflowOptions = Partial<
  Pick<
    LabOptions,
    | "vms"
    | "scaleSet"
    | "strangers"
    | "beside"
    | "clusterId"
    | "controllerFlags"
    | "nodeFlags"
    | "controllerCount"
  >
> & {
  /** How long replicas are kept without a request, in milliseconds. Default: the driver's own. */
  readonly pruneAfterMs?: number;
  /** The test loses the object store, or restores a backup of it. Default: it does not. */
  readonly losesStore?: boolean;
};

/**
 * Runs `act` on a lab of real processes and devices and leaves nothing behind; skips with the reason if
 * devices can't be created. All objects are older than `pruneAfterMs`, and no replica may be pruned before
 * its volume was unrequested for that long. On failure the report includes the processes' log.
 */
export async function withLab(
  t: TestContext,
  {
    pruneAfterMs = volumeOptions["prune-replicas-after-ms"].default,
    losesStore = false,
    ...options
  }: WorkflowOptions,
  act: (world: LabWorld) => Promise<void>,
): Promise<void> {
  const devices = dataPlaneAvailable();
  if (!devices.available) {
    t.skip(devices.reason);
    return;
  }
  const ending = new AbortController();
  const lab = await startLab({
    timeScale: TIME_SCALE,
    hasDevices: true,
    signal: ending.signal,
    ...options,
    objectsBornAgedMs: OBJECTS_BORN_AGED_MS,
    controllerFlags: withFlags(
      [
        `--heartbeat-stale-ms=${HEARTBEAT_MS * 5}`,
        "--recall-answer-ms=500",
        `--prune-replicas-after-ms=${pruneAfterMs}`,
      ],
      options.controllerFlags ?? [],
    ),
    nodeFlags: withFlags([`--heartbeat-ms=${HEARTBEAT_MS}`], options.nodeFlags ?? []),
  });
  const node = (name: string): LabNode => {
    const found = lab.nodes.get(name);
    if (found === undefined) throw new Error(`the lab has no ${name}`);
    return found;
  };
  let replicas: ReplicaWatch | undefined;
  try {
    replicas = await watchReplicas(
      lab,
      { objectsBornAgedMs: OBJECTS_BORN_AGED_MS, pruneAfterMs, losesStore },
      ending.signal,
    );
    await act({ lab, signal: ending.signal, node });
    assert.deepEqual(await leftovers(lab, ending.signal), [], "left behind");
    assert.deepEqual(replicas.violations(), []);
  } catch (error) {
    t.diagnostic(lab.logs());
    throw error;
  } finally {
    await replicas?.stop();
    ending.abort();
    await lab.close();
  }
}
