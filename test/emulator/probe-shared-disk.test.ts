import assert from "node:assert/strict";
import { constants } from "node:fs";
import { mkdtemp, open, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { createArmHttp } from "../../scripts/probe/arm-http.ts";
import type { Finding } from "../../scripts/probe/experiment.ts";
import { experiments } from "../../scripts/probe/experiments.ts";
import { attachProbeDisk, detachProbeDisk, type ProbeVm } from "../../scripts/probe/probe-vm.ts";
import { lunOf, runInVm, stopPrograms } from "../../scripts/probe/run-in-vm.ts";
import { type Result, runProbe } from "../../scripts/probe/run-probe.ts";
import { aProbeVm } from "../../scripts/probe/testing/a-probe-vm.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { createLinuxDataPlane, type LinuxDataPlane } from "../../src/emulator/data-plane/linux-data-plane.ts";
import type { DataPlane, Guests } from "../../src/emulator/index.ts";
import { isOsDisk } from "../../src/emulator/model/vm/os-disk/render-os-disk.ts";
import { type AzureFixture, createDisk, credential, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";
import { bashGuests } from "./bash-guests.ts";

const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;
/** How much later than its operation a detach takes effect in a cloud that is broken, in milliseconds. */
const LATE_MS = 5_000;
const WATCH_MS = 3_000;
/** The probe says "not tried" where a busy machine let a round end too late, and nothing else is wrong. */
const TRIES_MAX = 3;
const GIB = 2 ** 30;
const devices = dataPlaneAvailable();
const missing: string[] = devices.available ? [] : [devices.reason];
for (const command of ["python3", "unshare"])
  if ((await findCommand(command)) === undefined) missing.push(`needs ${command}`);

/** The first VM, and the disk of the probe there. */
function probeVm({ emulator }: AzureFixture): ProbeVm {
  const { url: endpoint, caPem } = emulator;
  return aProbeVm(
    {
      vmId: `${COMPUTE}/virtualMachines/vm-a`,
      diskId: `${COMPUTE}/disks/probe`,
      http: createArmHttp({ endpoint, credential: credential(emulator), caPem }),
    },
    { watchMs: WATCH_MS },
  );
}

/** What an experiment found once it could be tried. */
async function foundAtLast(azure: AzureFixture, name: string): Promise<Finding> {
  for (let tries = 1; ; tries += 1) {
    const finding = await found(azure, name);
    if (finding.verdict !== "not tried" || tries === TRIES_MAX) return finding;
    console.log(`${name}, try ${tries}: ${finding.detail}`);
  }
}

/** What an experiment found, of two VMs that share the probe's disk. */
async function found(
  azure: AzureFixture,
  name: string,
  { mayStop = false }: { readonly mayStop?: boolean } = {},
): Promise<Finding> {
  const one = experiments.filter((experiment) => experiment.name.startsWith(name));
  const first = probeVm(azure);
  const results: Result[] = [];
  await runProbe({ ...first, second: { ...first, vmId: `${COMPUTE}/virtualMachines/vm-b` } }, one, {
    choices: { mayStop, mayReimage: false, rounds: 1 },
    onResult: (result) => results.push(result),
    onLeft: (commands) => assert.deepEqual(commands, []),
  });
  const { disks } = azure.emulator.model.world;
  assert.ok([...disks.values()].every(isOsDisk), "the probe's disk is gone");
  const [result] = results;
  assert.ok(result !== undefined && results.length === 1);
  return { verdict: result.verdict, detail: result.detail };
}

describe(
  "the probe of forced detaches, with real block devices",
  { skip: missing.length > 0 && missing.join(", ") },
  () => {
    let azure: AzureFixture;
    let plane: LinuxDataPlane;
    let folder = "";
    let lateByMs = 0;
    /** Devices that are cut late. */
    const late: Promise<void>[] = [];
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "probe-guests-"));
      const deviceRoot = join(folder, "vms");
      plane = await createLinuxDataPlane({
        directory: join(folder, "disks"),
        deviceRoot,
        removeFilesOnClose: true,
      });
      const dataPlane: DataPlane = {
        ...plane,
        // The next round may get the LUN that a late detach would empty.
        diskAttached: async (attachment) => {
          await Promise.all(late.splice(0));
          await plane.diskAttached(attachment);
        },
        diskDeleted: async (disk) => {
          await Promise.all(late.splice(0));
          await plane.diskDeleted(disk);
        },
        diskDetached: async (detachment) => {
          if (lateByMs === 0 || detachment.vmName !== "vm-a") return plane.diskDetached(detachment);
          late.push(
            systemClock
              .sleep(lateByMs, new AbortController().signal)
              .then(() => plane.diskDetached(detachment)),
          );
        },
      };
      azure = await startAzure({
        dataPlane,
        guests: bashGuests({ deviceRoot, folder: join(folder, "guests") }),
        virtualMachines: [
          { name: "vm-a", zone: "1" },
          { name: "vm-b", zone: "1", size: "Standard_D2s_v6" },
        ],
      });
    });
    after(async () => {
      await azure.close();
      await plane.close();
      await rm(folder, { recursive: true });
    });

    it("holds where a detach ends the writes, also of a VM that pauses or is cut off", async () => {
      lateByMs = 0;
      const steady = await foundAtLast(azure, "E3");
      assert.equal(steady.verdict, "held", steady.detail);
      assert.match(
        steady.detail,
        /^\d+ blocks landed \(\d+ acknowledged\), the last one by \d\.\d s (?:before|after) the end of the detach, .*; later writes failed \(E[A-Z]+\); /u,
      );
      const silent = await foundAtLast(azure, "E4");
      assert.equal(silent.verdict, "held", silent.detail);
      assert.match(silent.detail, /^paused: 1 blocks landed .*; cut off: \d+ blocks landed /u);
      const rules = await readFile(join(folder, "guests/vm-a/rules.log"), "utf8");
      assert.match(rules, /^(?:inserted\ndeleted\n)+$/u, "the network is back");
    });

    it("touches no disk that is not its own", async () => {
      const diskId = await createDisk(azure, "foreign");
      const vm = { ...probeVm(azure), diskId, diskBytes: 8 * GIB };
      await attachProbeDisk(vm);
      const lun = await lunOf(vm);
      const device = await realpath(plane.linkPath({ vmName: "vm-a", controllerType: "SCSI", lun }));
      const write = (at: Partial<ProbeVm>): Promise<Readonly<Record<string, unknown>>> =>
        runInVm({ ...vm, ...at }, lun, { do: "writeOnce" });
      await assert.rejects(write({ diskBytes: 4 * GIB }), /has 8589934592 bytes, not the 4294967296 of/u);
      const held = await open(device, constants.O_RDWR | constants.O_EXCL);
      await assert.rejects(write({}), /vm-a: \/dev\/\S+ can't be opened: EBUSY/u);
      await held.write(Buffer.alloc(4096, "x"), 0, 4096, 15 * 2 ** 20);
      await held.sync();
      await held.close();
      await assert.rejects(write({}), /is neither empty nor marked as the probe's disk/u);
      const shown = await open(device, constants.O_RDONLY);
      const { buffer } = await shown.read(Buffer.alloc(16 * 2 ** 20), 0, 16 * 2 ** 20, 0);
      await shown.close();
      assert.equal(buffer.filter((byte) => byte !== 0).length, 4096);
      const emptied = await open(device, constants.O_RDWR);
      await emptied.write(Buffer.alloc(4096), 0, 4096, 15 * 2 ** 20);
      await emptied.sync();
      await emptied.close();
      const key = { key: 1, earlier: 2, round: 1, watchS: 1 };
      for (const asked of [{ do: "reserve", ...key }, { do: "preempt", ...key }, { do: "release" }] as const)
        await assert.rejects(runInVm(vm, lun, asked), /kernel or disk takes no reservations: E[A-Z]+$/u);
      // A program that was not stopped holds the disk: the next one ends it.
      await runInVm(vm, lun, { do: "watch", round: 1 });
      for (const time of ["first", "second"]) assert.equal((await write({}))["outcome"], "written", time);
      await detachProbeDisk(vm);
      await azure.client.disks.beginDeleteAndWait("rg", "foreign", { updateIntervalInMs: 5 });
    });

    describe("a VM that is cut off from its network", () => {
      const rules = join("guests", "vm-a", "rules");
      let vm: ProbeVm;
      let lun: number;
      beforeEach(async () => {
        await createDisk(azure, "cut");
        vm = { ...probeVm(azure), diskId: `${COMPUTE}/disks/cut`, diskBytes: 8 * GIB };
        await attachProbeDisk(vm);
        lun = await lunOf(vm);
        await rm(join(folder, `${rules}.log`), { force: true });
      });
      afterEach(async () => {
        await detachProbeDisk(vm);
        await azure.client.disks.beginDeleteAndWait("rg", "cut", { updateIntervalInMs: 5 });
      });
      const cut = async (cutForS: number): Promise<void> => {
        await runInVm(vm, lun, { do: "write", round: 1, pauses: false, cutAfterS: 0, cutForS });
        while (!(await noted()).startsWith("inserted")) await systemClock.sleep(20, vm.signal);
      };
      const noted = (): Promise<string> => readFile(join(folder, `${rules}.log`), "utf8").catch(() => "");

      it("is healed by a stop before its time", async () => {
        await cut(30);
        await stopPrograms(vm);
        assert.equal(await noted(), "inserted\ndeleted\n");
      });

      it("is reported where the rule can't be removed, and removed by the next stop", async () => {
        await cut(30);
        await writeFile(join(folder, `${rules}.stuck`), "");
        await assert.rejects(stopPrograms(vm), /vm-a: its network may still be cut: run iptables -D OUTPUT/u);
        await rm(join(folder, `${rules}.stuck`));
        await stopPrograms(vm);
        assert.equal(await noted(), "inserted\ndeleted\n");
      });
    });

    it("is broken where writes land after the end, and says by how much", async () => {
      lateByMs = LATE_MS;
      for (const name of ["E3", "E4"]) {
        const { verdict, detail } = await foundAtLast(azure, name);
        assert.equal(verdict, "broken", detail);
        const [, seconds] = /the last one more than (\d\.\d) s after it/u.exec(detail) ?? [];
        assert.ok(Number(seconds) > 0, detail);
      }
    });
  },
);

describe("the probe of reservations, by what a scripted VM answers", () => {
  interface Asked {
    readonly do: string;
    readonly key?: number;
    readonly earlier?: number;
  }
  /** The disk's reservation, as far as the probe asks for it. */
  let keys: Map<string, number>;
  let holder: string | undefined;
  /** Whether the reservation outlasts an update of a VM, and what of a preemption is wrong. */
  let isKept = true;
  let fault: "takes any key" | "lands late" | undefined;
  let azure: AzureFixture;
  /** What the program would print, by the arguments with which the probe starts it. */
  let answer: (vmName: string, asked: Asked) => object;
  const guests: Guests = {
    runScript: ({ vmName, script }) => {
      const [, json = ""] = /^python3 - '([^']*)'/mu.exec(script) ?? [];
      const printed = { nowMs: Date.now(), ...answer(vmName, JSON.parse(json) as Asked) };
      return Promise.resolve({ stdout: `${JSON.stringify(printed)}\n`, stderr: "" });
    },
  };
  before(async () => {
    azure = await startAzure({ guests, virtualMachines: [{ name: "vm-a" }, { name: "vm-b" }] });
  });
  after(() => azure.close());
  beforeEach(() => {
    keys = new Map();
    holder = undefined;
    isKept = true;
    fault = undefined;
    let sequence = azure.emulator.model.journal.lastSequence();
    answer = (vmName, asked) => {
      const { journal } = azure.emulator.model;
      const isUpdated = journal
        .since(sequence)
        .some(({ operation }) => operation === "VirtualMachines_Update");
      sequence = journal.lastSequence();
      if (!isKept && isUpdated) holder = undefined;
      return answerOfDisk(vmName, asked);
    };
  });

  function answerOfDisk(vmName: string, { do: action, key = 0, earlier }: Asked): object {
    const isRefused = holder !== undefined && holder !== vmName;
    if (action === "writeOnce") return { outcome: isRefused ? "EBADE" : "written" };
    if (action === "stop") return { acknowledged: 8, failed: isRefused ? "EBADE" : null, isHung: false };
    if (action === "release") {
      keys.delete(vmName);
      if (!isRefused) holder = undefined;
    }
    if (action !== "reserve" && action !== "preempt") return {};
    keys.set(vmName, key);
    if (action === "reserve") {
      if (isRefused) return { outcome: "conflict" };
      holder = vmName;
      return { outcome: "done" };
    }
    const victims = [...keys].filter(([, other]) => fault === "takes any key" || other === earlier);
    for (const [name] of victims) if (name !== vmName) keys.delete(name);
    if (victims.some(([name]) => name === holder)) holder = vmName;
    return {
      outcome: victims.length === 0 ? "conflict" : "done",
      holder: holder === undefined ? null : { key: keys.get(holder), type: 1 },
      landed: 9,
      late: fault === "lands late" ? 1 : 0,
    };
  }

  it("holds where writes of the other VM stay refused", async () => {
    const { verdict, detail } = await found(azure, "E7", { mayStop: true });
    assert.equal(verdict, "held", detail);
    assert.match(
      detail,
      /; restarted: .*; deallocated and started: the holder's write written, the other VM's EBADE; ended: [^;]*written$/u,
    );
    assert.deepEqual([...keys], [], "no key is left");
  });

  it("does not say held of a deallocation that it may not try", async () => {
    const untried = await found(azure, "E7");
    assert.equal(untried.verdict, "not tried");
    assert.match(untried.detail, /but restart and deallocation were not tried: permit them by --may-stop/u);
  });

  it("is broken where a detach ends the reservation, or nothing is refused", async () => {
    isKept = false;
    const { verdict, detail } = await found(azure, "E7");
    assert.equal(verdict, "broken", detail);
    assert.match(detail, /; reserved: [^;]*EBADE; the other VM detached: [^;]*; [^;]*written; /u);
    answer = (_, asked) => (asked.do === "reserve" ? { outcome: "done" } : { outcome: "written" });
    assert.equal((await found(azure, "E7")).verdict, "broken");
  });

  it("holds where a preemption takes its key only, and nothing lands later", async () => {
    const { verdict, detail } = await found(azure, "E10");
    assert.equal(verdict, "held", detail);
    assert.deepEqual([...keys], [], "no key is left");
  });

  for (const [what, detail] of [
    ["takes any key", /^preempting a key that no VM has: done; then key 1b holds it with type 1$/u],
    ["lands late", /^1 blocks landed after the preemption$/u],
  ] as const)
    it(`is broken where a preemption ${what}`, async () => {
      fault = what;
      const found10 = await found(azure, "E10");
      assert.equal(found10.verdict, "broken");
      assert.match(found10.detail, detail);
    });

  for (const name of ["E7", "E10"])
    it(`is not tried where another VM has reserved the disk: ${name}`, async () => {
      answer = (_, asked) => (asked.do === "reserve" ? { outcome: "conflict" } : { outcome: "written" });
      assert.deepEqual(await found(azure, name), {
        verdict: "not tried",
        detail: "the disk is reserved already, by another VM",
      });
    });

  for (const [why, printed, detail] of [
    ["Python is missing", { refused: "python3 is missing in the VM" }, "vm-a: python3 is missing in the VM"],
    ["the kernel has no reservations", { refused: "EOPNOTSUPP" }, "vm-a: EOPNOTSUPP"],
  ] as const)
    it(`is not tried where ${why}`, async () => {
      answer = (_, asked) => (asked.do === "endAll" ? {} : printed);
      assert.deepEqual(await found(azure, "E7"), { verdict: "not tried", detail });
    });

  it("has no verdict on late writes where the clock of a VM is wrong", async () => {
    answer = () => ({ nowMs: 0, errorMs: 1 });
    assert.deepEqual(await found(azure, "E3"), {
      verdict: "not tried",
      detail: "vm-b: its clock is not Azure's: set it (chronyc makestep), and probe again",
    });
  });
});
