import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Clock } from "../../ports/clock.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { ModelDiskWrite } from "./machine-state.ts";
import { createModelDisk } from "./model-disk.ts";
import { createModelMachine } from "./model-machine.ts";
import type { ModelMachine } from "./model-machine.ts";

const never = new AbortController().signal;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const sizeBytes = 1n << 30n;

/** A clock that only `advance` moves. */
function aStoppedClock(): Clock & { readonly advance: () => void } {
  const sleepers: (() => void)[] = [];
  return {
    nowMs: () => 0,
    elapsedMs: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    advance: () => {
      for (const wake of sleepers.splice(0)) wake();
    },
  };
}

function aMachine(
  nodeName = "node-a",
  disk = createModelDisk({ diskUri: "/disks/pvc-1", sizeBytes }),
  writes: ModelDiskWrite[] = [],
) {
  const clock = aStoppedClock();
  const machine = createModelMachine({ nodeName, clock, onDiskWrite: (write) => writes.push(write) });
  machine.attach({ lun: 0, disk });
  return { machine, clock, disk, writes, host: machine.startPlugin() };
}

async function stage(host: HostProvisioner): Promise<string> {
  const device = await host.findDevice({ lun: 0 }, never);
  assert.ok(device.ok);
  if ((await host.inspectDevice(device.value, never)).ok)
    await host.format({ device: device.value, fsType: "ext4", uuid }, never);
  const mounted = await host.mountDevice(
    { device: device.value, path: "/staging", fsType: "ext4", mountFlags: [], readOnly: false },
    never,
  );
  return mounted.ok ? "mounted" : mounted.failure.kind;
}

async function untilMounting(machine: ModelMachine): Promise<void> {
  while (!machine.commandsInFlight().some((line) => line.startsWith("mountDevice"))) await Promise.resolve();
}

describe("a modelled machine", () => {
  it("shows another machine only flushed data, and reports every write to the disk", async () => {
    const a = aMachine();
    await stage(a.host);
    a.machine.writeFile("/staging/kept", "text");
    await a.host.flush("/staging", never);
    a.machine.writeFile("/staging/lost", "text");
    a.machine.reboot();
    const b = aMachine("node-b", a.disk, a.writes);
    await stage(b.host);
    assert.deepEqual(
      [b.machine.readFile("/staging/kept").kind, b.machine.readFile("/staging/lost").kind],
      ["done", "ENOENT"],
    );
    assert.deepEqual(
      a.writes.map(({ nodeName, by }) => `${nodeName} ${by}`),
      ["node-a format", "node-a mount", "node-a flush", "node-b mount"],
    );
  });

  it("answers EIO to a process of a detached disk, and leaves the disk as it is", async () => {
    const { machine, host, disk } = aMachine();
    await stage(host);
    machine.writeFile("/staging/file", "before");
    assert.deepEqual(machine.fsync("/staging/file"), { kind: "done", text: "" });
    machine.writeFile("/staging/file", "after");
    machine.cutOff(0);
    assert.deepEqual(
      [machine.fsync("/staging/file").kind, machine.writeFile("/staging/file", "later").kind],
      ["EIO", "EIO"],
    );
    assert.deepEqual([...disk.files.values()], ["before"]);
  });

  it("lets a mount command outlive its plug-in and take effect in the next instance", async () => {
    const { machine, clock, host } = aMachine();
    machine.setLatencyMs("mountDevice", 1000);
    const staging = stage(host);
    await untilMounting(machine);
    machine.killPlugin(host, { childrenSurvive: true });
    const next = machine.startPlugin();
    assert.deepEqual(await next.earlierChildrenAlive(never), { ok: true, value: true });
    assert.deepEqual(await host.earlierChildrenAlive(never), { ok: false, failure: { kind: "Cancelled" } });
    clock.advance();
    await staging;
    assert.deepEqual(await next.earlierChildrenAlive(never), { ok: true, value: false });
    assert.deepEqual(
      machine.mounts().map(({ path }) => path),
      ["/staging"],
    );
  });

  it("does not wait for an earlier instance's command on the same path, as on Linux", async () => {
    const { machine, host } = aMachine();
    machine.setLatencyMs("mountDevice", 1000);
    const staging = stage(host);
    await untilMounting(machine);
    machine.killPlugin(host, { childrenSurvive: true });
    const next = machine.startPlugin();
    assert.deepEqual(
      [await next.unmount("/staging", never), machine.commandsInFlight().length],
      [{ ok: true, value: undefined }, 1],
    );
    machine.reboot();
    await staging;
  });

  it("ends commands with their plug-in where children don't survive", async () => {
    const { machine, host } = aMachine();
    machine.setLatencyMs("mountDevice", 1000);
    const staging = stage(host);
    await untilMounting(machine);
    machine.killPlugin(host, { childrenSurvive: false });
    assert.equal(await staging, "Cancelled");
    assert.deepEqual(machine.mounts(), []);
  });

  it("fails a call once if a test wants that", async () => {
    const { machine, host } = aMachine();
    machine.failNext("mountDevice", { kind: "HostCommandTimedOut", command: "mount", timeoutMs: 1 });
    assert.equal(await stage(host), "HostCommandTimedOut");
    assert.equal(await stage(host), "mounted");
  });

  it("finds a broken file system broken", async () => {
    const { host, disk } = aMachine();
    await stage(host);
    await host.unmount("/staging", never);
    disk.isBroken = true;
    const device = await host.findDevice({ lun: 0 }, never);
    const checked = device.ok
      ? await host.checkFileSystem({ device: device.value, fsType: "ext4" }, never)
      : device;
    assert.equal(checked.ok ? "success" : checked.failure.kind, "FileSystemBroken");
  });

  it("keeps a container's volume writable, and the machine unclean, after an unmount", async () => {
    const { machine, host, disk } = aMachine();
    await stage(host);
    const volume = machine.openVolume("/staging");
    assert.ok(volume !== undefined);
    assert.deepEqual(await host.unmount("/staging", never), { ok: true, value: undefined });
    assert.equal(volume.write("/record", "text").kind, "done");
    assert.deepEqual(
      [machine.canWrite(disk.diskUri), machine.mounts().length, disk.files.size],
      [true, 0, 0],
    );
    const request = { accessType: "mount", lun: 0, lastMajorMinor: undefined, lunsOfOthers: [] } as const;
    const unclean = await host.isClean(request, never);
    assert.equal(unclean.ok && unclean.value.clean, false);
    volume.close();
    const clean = await host.isClean(request, never);
    assert.deepEqual(
      [clean.ok && clean.value.clean, machine.canWrite(disk.diskUri), disk.files.get("/record")],
      [true, false, "text"],
    );
  });

  it("lets a process write to an open raw device until it closes it or loses the disk", () => {
    const { machine, disk } = aMachine();
    const close = machine.openRaw(0);
    assert.equal(machine.canWrite(disk.diskUri), true);
    close();
    assert.equal(machine.canWrite(disk.diskUri), false);
    machine.openRaw(0);
    machine.detach(0);
    assert.equal(machine.canWrite(disk.diskUri), false);
  });

  it("lets no container write that has lost its disk or its machine", async () => {
    const { machine, host, disk } = aMachine();
    await stage(host);
    const volume = machine.openVolume("/staging");
    assert.ok(volume !== undefined);
    machine.detach(0);
    assert.deepEqual(
      [volume.write("/record", "late").kind, volume.sync().kind, machine.canWrite(disk.diskUri)],
      ["EIO", "EIO", false],
    );
    machine.reboot();
    volume.close();
    assert.deepEqual([machine.openVolume("/staging"), disk.files.size], [undefined, 0]);
  });

  it("leaves nothing of a disk that is formatted", async () => {
    const { machine, host, disk } = aMachine();
    await stage(host);
    machine.writeFile("/staging/file", "text");
    await host.unmount("/staging", never);
    assert.equal(disk.files.size, 1);
    const device = await host.findDevice({ lun: 0 }, never);
    assert.ok(device.ok);
    await host.eraseUnfinishedFormat({ device: device.value, fsType: "ext4" }, never);
    assert.deepEqual([disk.files.size, disk.content], [0, { kind: "blank" }]);
  });
});
