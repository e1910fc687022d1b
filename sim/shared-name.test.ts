import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { watchWriters } from "./checkers/watch-writers.ts";
import { createSimWorld } from "./create-sim-world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
/** The longest that anything may take, and how long both machines run, in milliseconds of virtual time. */
const LIMIT_MS = 600_000;
const TOGETHER_MS = 300_000;
/** How often at least the AzDriverNode names the other VM: both send a heartbeat every ten seconds. */
const TURNS_MIN = 20;

/**
 * A pod writes on a machine, and a second one registers under its node's name, as a clone of its image with
 * its hostname does: both plug-ins run, and the second kubelet is asked for the pod's volume.
 */
async function withTwoMachines(attach: "kubernetes" | "driver", isNodeMadeAgain: boolean): Promise<void> {
  const world = createSimWorld({ seed: 1, attach, nodes });
  watchWriters(world);
  const end = new AbortController();
  const running = world.run(end.signal);
  const until = async (what: string, isReached: () => boolean): Promise<void> => {
    if (!(await world.clock.runUntil(isReached, LIMIT_MS)))
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
    const earlier = world.azure.machineOf(nodeName) ?? assert.fail("no machine");
    const record = () => world.store.objects("AzVolume")[0]?.status?.record;
    const { requested: _, ...granted } = record()?.writer ?? assert.fail("no writer");
    world.azure.moveName(nodeName, { isShared: true });
    const later = world.azure.machineOf(nodeName) ?? assert.fail("no second machine");
    if (isNodeMadeAgain) world.cluster.deleteNode(nodeName);

    const seen: string[] = [];
    const fences: unknown[] = [];
    const writers = new Set<string>();
    const observe = (): false => {
      const driverNode = world.store.objects("AzDriverNode").find(({ spec }) => spec.nodeName === nodeName);
      const vmId = driverNode?.status?.vmId;
      if (vmId !== undefined && seen.at(-1) !== vmId) seen.push(vmId);
      const { writer, fencing } = record() ?? {};
      const { requested: __, ...held } = writer ?? {};
      writers.add(JSON.stringify(held));
      if (fencing !== undefined) fences.push(fencing);
      return false;
    };
    await world.clock.runUntil(observe, TOGETHER_MS);
    world.cluster.setUnschedulable(nodeName, true);
    world.cluster.deletePod("vol-1", { isForced: true });
    await world.clock.runUntil(observe, TOGETHER_MS);

    assert.deepEqual(new Set(seen), new Set([earlier.vmGuid, later.vmGuid]));
    assert.ok(seen.length > TURNS_MIN, `the AzDriverNode named another VM ${seen.length} times only`);
    assert.deepEqual([fences, [...writers]], [[], [JSON.stringify(granted)]], "the first machine writes on");
    assert.equal(earlier.state(), "running");
    assert.ok(world.cluster.pods().every((pod) => pod.nodeName !== nodeName && !pod.isReady));
    const ignored = isNodeMadeAgain ? earlier : later;
    const said = `AzDriverNode ${nodeName} is ignored: it reports the VM ${ignored.instanceUri},`;
    assert.ok(world.trace.lines().some((line) => line.includes(`NodeIgnored: ${said}`)));
    assert.deepEqual(world.violations(), []);
  } finally {
    end.abort();
    await running;
  }
}

/**
 * The same with a volume that two nodes write, of which no record names a writer: its pod is deleted by
 * force, and the second kubelet unstages it, which had never staged it. The container on the first machine
 * runs on.
 */
async function withSharedVolume(attach: "kubernetes" | "driver", isNodeMadeAgain: boolean): Promise<void> {
  const world = createSimWorld({ seed: 1, attach, nodes });
  const end = new AbortController();
  const running = world.run(end.signal);
  try {
    world.cluster.apply({
      volumeName: "vol-1",
      sizeGiB: 4,
      skuName: "Premium_LRS",
      maxShares: 3,
      replicas: 1,
      access: "block",
      sharedBy: 2,
    });
    const areReady = (): boolean => world.cluster.pods().filter((pod) => pod.isReady).length === 2;
    assert.ok(
      await world.clock.runUntil(() => areReady() && world.cluster.unfinished().length === 0, LIMIT_MS),
    );
    const nodeName = world.cluster.pods()[0]?.nodeName ?? "";
    const earlier = world.azure.machineOf(nodeName) ?? assert.fail("no machine");
    world.azure.moveName(nodeName, { isShared: true });
    if (isNodeMadeAgain) world.cluster.deleteNode(nodeName);
    const left: string[] = [];
    world.azure.onDiskEvent(({ kind, machine }) => {
      if (kind === "detached" && machine === earlier) left.push(kind);
    });
    await world.clock.runUntil(() => false, TOGETHER_MS);
    world.cluster.setUnschedulable(nodeName, true);
    world.cluster.deletePod("vol-1", { isForced: true, nodeName });
    await world.clock.runUntil(() => false, TOGETHER_MS);
    assert.deepEqual([left, earlier.state()], [[], "running"], "the first machine keeps its disk");
    assert.ok(areReady() && world.cluster.pods().every((pod) => pod.nodeName !== nodeName));
    assert.deepEqual(world.violations(), []);
  } finally {
    end.abort();
    await running;
  }
}

describe("two machines that run under one node's name", () => {
  for (const attach of ["kubernetes", "driver"] as const) {
    it(`leave the volume to the one that writes it, attach: ${attach}`, () => withTwoMachines(attach, false));

    it(`leave it there once the Node names the second one, attach: ${attach}`, () =>
      withTwoMachines(attach, true));

    for (const isNodeMadeAgain of [false, true])
      it(`keep a shared volume on the first, ${isNodeMadeAgain ? "Node made again, " : ""}attach: ${attach}`, () =>
        withSharedVolume(attach, isNodeMadeAgain));
  }
});
