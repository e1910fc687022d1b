import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Result } from "../../../core/failure/result.ts";
import { valueOf } from "../../../core/testing/value-of.ts";
import type { Device, HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { createVirtualClock, type VirtualClock } from "../../virtual/virtual-clock.ts";
import { createModelDisk, type ModelDisk } from "../model-disk.ts";
import { createModelMachine, type ModelMachine, type ModelRefusal } from "../model-machine.ts";
import { forgetReservation, landAccepted } from "./model-reservation.ts";

const never = new AbortController().signal;
const KEY_A = "617a00000000000a";
const KEY_B = "617a00000000000b";
const fsType = "ext4";
const staging = "/staging";
const file = `${staging}/file`;

interface Machine {
  readonly kernel: ModelMachine;
  readonly host: HostProvisioner;
  readonly device: Device;
}

describe("a modelled disk that is reserved", () => {
  let clock: VirtualClock;
  let disk: ModelDisk;
  let refusals: (readonly [nodeName: string, ModelRefusal])[];
  let a: Machine;
  let b: Machine;

  beforeEach(async () => {
    clock = createVirtualClock();
    disk = createModelDisk({ diskUri: "/disks/vol-1", sizeBytes: 1n << 30n });
    refusals = [];
    a = await aMachine("node-a");
    b = await aMachine("node-b");
    valueOf(await a.host.format({ device: a.device, fsType, uuid: "11" }, never));
    valueOf(await mount(a));
    valueOf(await reserve(a, KEY_A));
  });

  async function aMachine(nodeName: string): Promise<Machine> {
    const kernel = createModelMachine({
      nodeName,
      clock,
      onRefused: (refusal) => refusals.push([nodeName, refusal]),
    });
    kernel.attach({ lun: 0, disk });
    const host = kernel.startPlugin();
    return { kernel, host, device: valueOf(await host.findDevice({ lun: 0 }, never)) };
  }

  it("takes nothing of a machine that does not hold it, which still reads", async () => {
    a.kernel.writeFile(file, "of a");
    a.kernel.fsync(file);
    const { host, device } = b;
    const mark = { diskUri: disk.diskUri, uuid: "12" };
    const refused = [
      await mount(b),
      await host.checkFileSystem({ device, fsType }, never),
      await host.eraseUnfinishedFormat({ device, fsType }, never),
      await host.writeFormatMark({ device, fsType, mark }, never),
    ];
    assert.deepEqual(
      refused.map(kindOf),
      Array.from(refused, () => "HostCommandFailed"),
    );
    assert.equal(disk.formatMark, undefined);
    valueOf(await host.mountDevice({ ...mountOf(b), readOnly: true }, never));
    assert.deepEqual(b.kernel.readFile("/staging/file"), { kind: "done", text: "of a" });
    assert.deepEqual([a.kernel.canWrite(disk.diskUri), b.kernel.canWrite(disk.diskUri)], [true, false]);
  });

  it("fails the flush of what a machine wrote into its cache after it was preempted", async () => {
    a.kernel.writeFile(file, "before");
    valueOf(await preempt(b));
    assert.deepEqual(a.kernel.writeFile(`${staging}/late`, "after"), { kind: "done", text: "after" });
    assert.equal(a.kernel.fsync(file).kind, "EIO");
    assert.equal(kindOf(await a.host.flush(staging, never)), "HostCommandFailed");
    assert.deepEqual([...disk.files], []);
    assert.deepEqual(a.kernel.writableFileSystems(), []);
    assert.deepEqual(
      a.kernel.mounts().map(({ canWrite }) => canWrite),
      [false],
    );
    assert.deepEqual(
      refusals.map(([nodeName, { couldWrite }]) => [nodeName, couldWrite]),
      [
        ["node-b", false],
        ["node-a", true],
      ],
    );
  });

  it("preempts nothing but the victim, and its holder needs nothing more", async () => {
    assert.equal(kindOf(await preempt(b, KEY_B)), "DeviceBusy");
    valueOf(await preempt(b));
    valueOf(await preempt(b));
    valueOf(await b.host.releaseReservation({ device: b.device, key: KEY_B }, never));
    assert.equal(kindOf(await preempt(b)), "DeviceBusy", "no machine reserves it");
  });

  it("is preempted by a command that outlives its plug-in", async () => {
    b.kernel.setLatencyMs("preempt", 10_000);
    const gone = new AbortController();
    const preempting = preempt(b, KEY_A, gone.signal);
    gone.abort();
    b.kernel.killPlugin(b.host, { childrenSurvive: true });
    assert.equal(kindOf(await preempting), "Cancelled");
    assert.equal(a.kernel.canWrite(disk.diskUri), true);
    await clock.advance(10_000);
    assert.equal(a.kernel.canWrite(disk.diskUri), false);
  });

  it("stays reserved over reboots and detaches, unless it forgets", async () => {
    a.kernel.reboot();
    a.kernel.detach(0);
    assert.equal(valueOf(await b.host.readReservation(b.device, never)), KEY_A);
    assert.equal(kindOf(await mount(b)), "HostCommandFailed");
    forgetReservation(disk);
    valueOf(await mount(b));
  });

  it("may forget once no machine has the disk", async () => {
    disk.reservation.isLostWithLastDetach = true;
    a.kernel.detach(0);
    assert.equal(valueOf(await b.host.readReservation(b.device, never)), KEY_A);
    b.kernel.detach(0);
    b.kernel.attach({ lun: 0, disk });
    const device = valueOf(await b.host.findDevice({ lun: 0 }, never));
    assert.equal(valueOf(await b.host.readReservation(device, never)), undefined);
  });

  it("may carry out what it had accepted before another machine took the reservation", async () => {
    disk.reservation.support = "withoutAbort";
    a.kernel.writeFile(file, "accepted");
    assert.equal(kindOf(await preempt(b)), "Unsupported");
    valueOf(await b.host.reserve({ device: b.device, key: KEY_B, earlier: KEY_A }, never));
    assert.deepEqual([...disk.files], []);
    landAccepted(disk);
    assert.deepEqual([...disk.files], [["/file", "accepted"]]);
  });

  it("has none where it supports none, or other software has it", async () => {
    disk.reservation.isForeign = true;
    assert.equal(kindOf(await b.host.readReservation(b.device, never)), "DeviceBusy");
    disk.reservation.support = "none";
    assert.equal(kindOf(await b.host.readReservation(b.device, never)), "Unsupported");
    assert.equal(kindOf(await preempt(b)), "Unsupported");
  });

  function preempt({ host, device }: Machine, victim = KEY_A, signal = never): Promise<Result<void>> {
    return host.preempt({ device, key: KEY_B, victim }, signal);
  }
});

function reserve({ host, device }: Machine, key: string): Promise<Result<void>> {
  return host.reserve({ device, key }, never);
}

function mountOf({ device }: Machine) {
  return { device, path: staging, fsType, mountFlags: [], readOnly: false } as const;
}

function mount(machine: Machine): Promise<Result<void>> {
  return machine.host.mountDevice(mountOf(machine), never);
}

function kindOf(result: Result<unknown>): string {
  return result.ok ? "success" : result.failure.kind;
}
