import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SimNode } from "../../kubernetes/sim-cluster.ts";
import { aHistory } from "../testing/a-history.ts";
import { watchMarks } from "./watch-marks.ts";

interface Circumstances {
  readonly state: "running" | "frozen" | "off";
  /** From its last boot until the mark, in milliseconds; undefined: it has run all the time. */
  readonly upMs?: number;
  readonly isMarkedByDriver?: boolean;
  readonly isReady?: boolean;
}

/** A node is marked while its machine is in that state. */
async function aMark({
  state,
  upMs,
  isMarkedByDriver = true,
  isReady = false,
}: Circumstances): Promise<readonly string[]> {
  const history = aHistory();
  let boot = (): void => assert.fail("nothing follows the machine");
  let change: (previous: SimNode | undefined, current: SimNode | undefined) => void = () =>
    assert.fail("nothing follows the nodes");
  const machine = {
    vmGuid: "vm-a",
    state: () => state,
    onBoot: (listener: () => void) => {
      boot = listener;
    },
  };
  watchMarks({
    ...history,
    azure: { machineOf: () => machine, machines: () => [machine], onMachine: () => undefined },
    cluster: {
      onNodeChange: (listener) => {
        change = listener;
      },
    },
  });
  if (upMs !== undefined) boot();
  await history.clock.advance(upMs ?? 0);
  const node: SimNode = {
    name: "node-a",
    uid: "uid-1",
    instanceUri: "",
    isReady,
    isUnschedulable: false,
    isOutOfService: false,
    isMarkedByDriver: false,
    volumesMax: 8,
  };
  change(node, { ...node, isOutOfService: true, isMarkedByDriver });
  return history.invariants();
}

describe("watchMarks", () => {
  it("reports a node that the driver marks though its machine may write", async () => {
    assert.deepEqual(await aMark({ state: "running" }), ["marked-running"]);
    assert.deepEqual(await aMark({ state: "frozen" }), ["marked-running"]);
    assert.deepEqual(await aMark({ state: "running", upMs: 90_000 }), ["marked-running"]);
  });

  it("reports a node that is marked though its kubelet has reported again", async () =>
    assert.deepEqual(await aMark({ state: "running", upMs: 30_000, isReady: true }), ["marked-running"]));

  it("reports no mark of a machine that is off, or was when Azure was asked", async () => {
    assert.deepEqual(await aMark({ state: "off" }), []);
    assert.deepEqual(await aMark({ state: "running", upMs: 30_000 }), []);
  });

  it("reports no mark of a person", async () =>
    assert.deepEqual(await aMark({ state: "running", isMarkedByDriver: false }), []));
});
