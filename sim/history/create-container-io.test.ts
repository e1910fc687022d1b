import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { createModelMachine } from "../../src/adapters/model-host/model-machine.ts";
import type { ModelMachine } from "../../src/adapters/model-host/model-machine.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { RunningContainer } from "./container-io.ts";
import { createContainerIo } from "./create-container-io.ts";

const never = new AbortController().signal;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const MINUTE_MS = 60_000;

/** A machine with a disk mounted at /target, and the containers that run on it. */
async function aWorld() {
  const clock = createVirtualClock();
  const details: string[] = [];
  const containers = createContainerIo({
    clock,
    random: createSeededRandom(1),
    trace: { note: () => undefined, lines: () => [], digest: () => "" },
    report: ({ invariant, detail }) => details.push(`${invariant}: ${detail}`),
  });
  const disk = createModelDisk({ diskUri: "/disks/vol-1", sizeBytes: 1n << 30n });
  const machines: { readonly kernel: ModelMachine; readonly boot: AbortController }[] = [];
  const addMachine = async (nodeName: string) => {
    const kernel = createModelMachine({ nodeName, clock });
    kernel.attach({ lun: 0, disk });
    const host = kernel.startPlugin();
    const device = await host.findDevice({ lun: 0 }, never);
    assert.ok(device.ok);
    if (disk.content.kind === "blank")
      await host.format({ device: device.value, fsType: "ext4", uuid }, never);
    await host.mountDevice(
      { device: device.value, path: "/target", fsType: "ext4", mountFlags: [], readOnly: false },
      never,
    );
    const boot = new AbortController();
    machines.push({ kernel, boot });
    const machine: RunningContainer["machine"] = {
      nodeName,
      isOrWas: (name) => name === nodeName,
      instanceUri: `/virtualMachines/${nodeName}`,
      vmGuid: `guid-${nodeName}`,
      osDisk: () => 1,
      rootDisk: { isBroken: false },
      kernel,
      clock,
      state: () => "running",
      boot: () => boot.signal,
      passed: () => Promise.resolve(),
      bootNumber: () => 1,
      onBoot: () => undefined,
    };
    const run = (podName: string, stop: AbortSignal, access: "mount" | "block" = "mount") =>
      containers.run(
        { volumeName: "vol-1", podName, podUid: podName, machine, path: "/target", access, isShared: false },
        stop,
      );
    return { kernel, host, boot, run };
  };
  return { clock, details, containers, disk, addMachine };
}

describe("a container's work", () => {
  it("acknowledges what it has synced, and the next container finds it elsewhere", async () => {
    const world = await aWorld();
    const a = await world.addMachine("node-a");
    const stop = new AbortController();
    const first = a.run("pod-1", stop.signal);
    await world.clock.advance(MINUTE_MS);
    stop.abort();
    assert.equal(await first, "stopped");
    const written = world.containers.records.count("vol-1");
    assert.ok(written > 5);
    a.kernel.reboot();
    const b = await world.addMachine("node-b");
    const stopB = new AbortController();
    const second = b.run("pod-2", stopB.signal);
    await world.clock.advance(MINUTE_MS);
    stopB.abort();
    assert.deepEqual(
      [await second, world.containers.records.count("vol-1") > written, world.details],
      ["stopped", true, []],
    );
  });

  it("reports when its disk stops responding, so that it is restarted", async () => {
    const world = await aWorld();
    const a = await world.addMachine("node-a");
    const running = a.run("pod-1", never);
    await world.clock.advance(MINUTE_MS);
    a.kernel.detach(0);
    await world.clock.advance(MINUTE_MS);
    assert.deepEqual([await running, world.details], ["failed", []]);
  });

  it("reports records that were lost between two containers", async () => {
    const world = await aWorld();
    const a = await world.addMachine("node-a");
    const running = a.run("pod-1", a.boot.signal);
    await world.clock.advance(MINUTE_MS);
    a.kernel.reboot();
    a.boot.abort();
    assert.equal(await running, "stopped");
    world.disk.files.delete("/record-0");
    const b = await world.addMachine("node-b");
    const stop = new AbortController();
    const again = b.run("pod-2", stop.signal);
    await world.clock.settle();
    stop.abort();
    await again;
    assert.deepEqual(world.details, [
      `synced-data-lost: pod-2 reads nothing where record 0 of vol-1 was acknowledged as "pod-1 #0"`,
    ]);
  });

  it("lets a container fail on a placeholder mount, without reporting a loss", async () => {
    const world = await aWorld();
    const a = await world.addMachine("node-a");
    const stop = new AbortController();
    const running = a.run("pod-1", stop.signal);
    await world.clock.advance(MINUTE_MS);
    stop.abort();
    await running;
    assert.ok(world.containers.records.count("vol-1") > 0);
    await a.host.mountPlaceholder("/target", never);
    assert.equal(await a.run("pod-1", never), "failed");
    assert.deepEqual(world.details, []);
  });

  it("starts nothing if a raw device is missing", async () => {
    const world = await aWorld();
    const a = await world.addMachine("node-a");
    a.kernel.reboot();
    assert.equal(await a.run("pod-1", never, "block"), "failed");
    assert.deepEqual(world.details, []);
  });

  it("reports a container that was started without a mount in place of its volume", async () => {
    const world = await aWorld();
    const a = await world.addMachine("node-a");
    a.kernel.reboot();
    assert.equal(await a.run("pod-1", never), "failed");
    assert.deepEqual(world.details, [
      "synced-data-lost: pod-1 was started on node-a with nothing mounted at /target: it writes beside " +
        "its disk",
    ]);
  });
});
