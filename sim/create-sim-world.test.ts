import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listIn } from "../src/core/testing/record-lists.ts";
import { createSimWorld, type SimWorldOptions } from "./create-sim-world.ts";
import type { SimWorld } from "./world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
/** The longest that anything may take, in milliseconds of virtual time. */
const LIMIT_MS = 600_000;

/** A drain moves four workloads, one of them with a raw device, and a machine is lost. */
async function aDay(
  options: Pick<SimWorldOptions, "seed" | "attach"> & Partial<Pick<SimWorldOptions, "nodes">>,
): Promise<SimWorld> {
  const world = createSimWorld({ nodes, ...options });
  const end = new AbortController();
  const running = world.run(end.signal);
  const until = async (what: string, isReached: () => boolean): Promise<void> => {
    if (!(await world.clock.runUntil(isReached, LIMIT_MS)))
      assert.fail(
        `${what}: not reached; ${world.cluster.unfinished().join("; ")}\n` +
          `${world.trace.lines().slice(-100).join("\n")}`,
      );
  };
  const areRunning = (): boolean =>
    world.cluster.pods().filter((pod) => pod.phase === "Running" && !pod.isDeleted).length === 4;
  const isEmpty = (nodeName: string): boolean =>
    world.cluster.pods().every((pod) => pod.nodeName !== nodeName);
  const isAtRest = (): boolean => areRunning() && world.cluster.unfinished().length === 0;
  for (const [index, volumeName] of ["vol-1", "vol-2", "vol-3", "vol-4"].entries())
    world.cluster.apply({
      volumeName,
      sizeGiB: 4,
      skuName: "Premium_LRS",
      maxShares: 2,
      replicas: 1,
      access: index === 3 ? "block" : "mount",
    });
  await until("every pod to run", isAtRest);
  const [first, second] = [world.cluster.pods()[0]?.nodeName ?? "", world.cluster.pods()[1]?.nodeName ?? ""];
  world.cluster.drain(first);
  await until("every pod to run elsewhere", () => isEmpty(first) && isAtRest());
  world.cluster.setUnschedulable(first, false);
  world.azure.losePower(second, { isSilent: false });
  world.cluster.setOutOfService(second, true);
  await until("every pod to run without the lost node", () => isEmpty(second) && areRunning());
  world.azure.powerOn(second);
  world.cluster.setOutOfService(second, false);
  await until("everything to be at rest again", isAtRest);
  await until("no node to be in quarantine", () =>
    world.store.objects("AzVolume").every(({ status }) => listIn(status?.record, "quarantined").length === 0),
  );
  end.abort();
  await running;
  return world;
}

describe("a simulated cluster", () => {
  for (const attach of ["kubernetes", "driver"] as const) {
    it(`restores everything after a drain and the loss of a machine, attach: ${attach}`, async () => {
      const world = await aDay({ seed: 1, attach });
      assert.deepEqual(world.violations(), []);
      assert.ok(world.cluster.failovers() > 0);
    });
  }

  it("restores everything where nodes are instances of scale sets of both kinds", async () => {
    const kinds = ["uniform", "flex", "uniform"] as const;
    const mixed = nodes.map((node, index) => ({ ...node, instance: kinds[index] ?? "uniform" }));
    const { azure, violations } = await aDay({ seed: 1, attach: "kubernetes", nodes: mixed });
    assert.deepEqual(violations(), []);
    const updated = azure.journal
      .since(0)
      .filter(({ operation, status }) => operation?.endsWith("_Update") === true && status === 200)
      .map(({ operation, path }) => `${operation} ${path.slice(path.lastIndexOf("/") + 1)}`);
    assert.deepEqual([...new Set(updated)].toSorted(), [
      "VirtualMachineScaleSetVMs_Update 10",
      "VirtualMachineScaleSetVMs_Update 9",
      "VirtualMachines_Update flex_node-b",
    ]);
  });

  for (const seed of [21, 22, 23]) {
    it(`repeats the same day, byte for byte: seed ${seed}`, async () => {
      const attach = seed % 2 === 0 ? "driver" : "kubernetes";
      const [first, second] = [await aDay({ seed, attach }), await aDay({ seed, attach })];
      assert.deepEqual(first.violations(), []);
      assert.deepEqual(
        [second.trace.digest(), second.trace.lines()],
        [first.trace.digest(), first.trace.lines()],
      );
    });
  }

  it("runs another day with another seed", async () => {
    const [first, second] = [
      await aDay({ seed: 31, attach: "kubernetes" }),
      await aDay({ seed: 32, attach: "kubernetes" }),
    ];
    assert.notEqual(second.trace.digest(), first.trace.digest());
  });

  it("shares a resource group with another cluster that has the same node names", async () => {
    const days = [await aDayOfTwo(41), await aDayOfTwo(41)] as const;
    const [{ first, second }] = days;
    assert.deepEqual(first.violations(), []);
    assert.equal(days[1].first.trace.digest(), first.trace.digest());
    const [own, others] = [
      first.cluster.diskUriOf("vol-1") ?? "",
      second.cluster.diskUriOf("second-1") ?? "",
    ];
    for (const [world, disks] of [
      [first, [own, others]],
      [second, [others, own]],
    ] as const) {
      assert.deepEqual(
        disks.map((diskUri) => world.azure.isOthers(diskUri)),
        [false, true],
      );
      assert.deepEqual(
        world.store.objects("AzVolume").map(({ status }) => status?.detail?.diskUri),
        [disks[0]],
      );
      assert.deepEqual(
        world.azure.machines().map(({ nodeName }) => nodeName),
        ["node-a", "node-b", "node-c"],
      );
    }
    const uris = [first, second].map(({ azure }) => azure.instanceUriOf("node-a"));
    assert.deepEqual(
      [first.azure.isOthers(uris[1] ?? ""), second.azure.isOthers(uris[0] ?? ""), uris[0] === uris[1]],
      [true, true, false],
    );
    assert.deepEqual(
      [first.azure.nodeNameAt(uris[0] ?? ""), first.azure.nodeNameAt(uris[1] ?? "")],
      ["node-a", undefined],
    );
    const callersOf = ({ azure }: SimWorld) =>
      new Set(azure.journal.since(0).map(({ caller }) => caller?.replace(/\d+$/u, "")));
    assert.deepEqual(
      [callersOf(first), callersOf(second)],
      [new Set(["controller-"]), new Set(["second/controller-"])],
    );
  });
});

/** A pod runs in each of two clusters. */
async function aDayOfTwo(seed: number): Promise<{ readonly first: SimWorld; readonly second: SimWorld }> {
  const first = createSimWorld({ seed, attach: "kubernetes", nodes, second: { attach: "driver", nodes } });
  const second = first.second ?? assert.fail("no second cluster");
  const end = new AbortController();
  const running = first.run(end.signal);
  const workload = {
    sizeGiB: 4,
    skuName: "Premium_LRS",
    maxShares: 2,
    replicas: 1,
    access: "mount",
  } as const;
  first.cluster.apply({ ...workload, volumeName: "vol-1" });
  second.cluster.apply({ ...workload, volumeName: "second-1" });
  const isRunning = ({ cluster }: SimWorld): boolean =>
    cluster.pods().some(({ phase, isReady }) => phase === "Running" && isReady);
  assert.ok(
    await first.clock.runUntil(() => isRunning(first) && isRunning(second), LIMIT_MS),
    "both pods run",
  );
  end.abort();
  await running;
  return { first, second };
}
