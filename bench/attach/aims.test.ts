import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { measureBursts } from "./bursts.ts";
import { measureChurn } from "./churn.ts";
import { measureFleet } from "./fleet.ts";
import { measureLanes } from "./lanes.ts";
import { measureOneVm, measurePoison } from "./one-vm.ts";
import { measurePace } from "./pace.ts";
import { measureRebuild } from "./rebuild.ts";
import { measureRest } from "./rest.ts";
import { measureZone } from "./zone.ts";

/** Figures on the virtual clock are the same on every machine, so a test can hold the queue to them. */
describe("the attach queue on the model", () => {
  // It is also faster than either plain client.
  it("attaches 30 requested disks in one update within 1.15 times the floor", async () => {
    const { floorMs, ms, armWrites, oneByOneMs, windowMs } = await measureOneVm();
    assert.equal(armWrites, 1);
    assert.ok(ms <= floorMs * 1.15, `${ms} ms, floor ${floorMs} ms`);
    assert.ok(ms < windowMs && windowMs < oneByOneMs);
  });

  it("attaches 29 of 30 disks, and fails the one that fails every update it is in", async () => {
    const { attached, errors } = await measurePoison();
    assert.deepEqual({ attached, errors }, { attached: 29, errors: 1 });
  });

  it("attaches 300 disks on 20 VMs under Azure's limits without a refused call", async () => {
    const { lost, throttled, writes } = await measureFleet();
    assert.deepEqual({ lost, throttled }, { lost: 0, throttled: 0 });
    assert.ok(writes <= 40, `${writes} updates`);
  });

  it("makes seven calls for an attach or a detach at Azure's own pace", async () => {
    const { callsPerAttach, callsPerDetach, ...late } = await measurePace();
    // Within the standard error of these means.
    const most = 7.04;
    assert.ok(callsPerAttach <= most && callsPerDetach <= most, `${callsPerAttach}, ${callsPerDetach}`);
    // Another client that uses up the VM's reads delays no attach.
    for (const lateMs of [late.watchedAttachLateMs, late.refusedAttachLateMs])
      assert.ok(lateMs <= late.attachLateMs + 1000, `${lateMs} ms beside ${late.attachLateMs} ms`);
  });

  // The fence of each VM is also proven soon after Azure's own slowest detach.
  for (const { vms, lateSeconds } of [
    { vms: 100, lateSeconds: 10 },
    { vms: 333, lateSeconds: 30 },
  ])
    it(`fences ${vms} VMs with ten disks each within the front door's budget`, async () => {
      const { readsOverBudget, throttled, failures, ...zone } = await measureZone(vms);
      assert.deepEqual(
        { readsOverBudget, throttled, failures },
        { readsOverBudget: 0, throttled: 0, failures: 0 },
      );
      assert.ok(zone.seconds <= zone.floorSeconds + lateSeconds, `${zone.seconds} s of ${zone.floorSeconds}`);
      assert.ok(zone.reads <= 15 * vms, `${zone.reads} reads`);
    });

  it("delays neither a fence for replicas nor an attach for fences that can't end", async () => {
    const lanes = await measureLanes();
    assert.ok(lanes.fenceLateSeconds <= 1, `${lanes.fenceLateSeconds} s`);
    assert.ok(lanes.attachBesideBusyLateSeconds <= 16, `${lanes.attachBesideBusyLateSeconds} s`);
    assert.ok(lanes.attachBesideFencesLateSeconds <= 10, `${lanes.attachBesideFencesLateSeconds} s`);
  });

  it("uses up a small budget while work waits, and sends each failover first", async () => {
    const { budgetUsed, failovers, failoversFirst } = await measureChurn();
    assert.ok(budgetUsed >= 0.95, `${budgetUsed} of the budget`);
    assert.equal(failoversFirst, failovers);
  });
});

describe("bursts through CSI", () => {
  it("take one update of the VM each, and no longer than before for a single volume", async () => {
    const measured = await measureBursts();
    assert.deepEqual(
      measured.map(({ name, ours }) => [name, ours.writes]),
      [1, 12, 30].flatMap((size) => [
        [`publish${size}`, 1],
        [`unpublish${size}`, 1],
      ]),
    );
    for (const { name, ours, before } of measured) {
      const isSingle = name.endsWith("publish1");
      assert.ok(ours.ms <= before.ms * (isSingle ? 1.01 : 0.7), `${name}: ${ours.ms} ms`);
      assert.ok(ours.ms <= ours.floorMs * 1.05, `${name}: ${ours.ms} ms, floor ${ours.floorMs} ms`);
      assert.ok(!isSingle || ours.calls <= 7, `${name}: ${ours.calls} calls`);
    }
  });
});

describe("a controller at rest", () => {
  it("makes 60 calls an hour, writes its Lease alone, and delays heartbeats", async () => {
    const aims = { nodes: 3, disks: 1500, heartbeatsPerSecond: 0.05 };
    const { armCallsPerHour, controllerWritesPerSecond, nodeWritesPerSecond } = await measureRest(aims);
    assert.ok(armCallsPerHour <= 60, `${armCallsPerHour} calls an hour`);
    assert.ok(controllerWritesPerSecond <= 0.5, `${controllerWritesPerSecond} writes a second`);
    assert.ok(nodeWritesPerSecond <= aims.heartbeatsPerSecond, `${nodeWritesPerSecond} heartbeats a second`);
  });
});

describe("a rebuild of all records", () => {
  it("reads each disk and VM once, as fast as Azure admits, also after an outage", async () => {
    const { seconds, calls, oneByOneSeconds, ...outage } = await measureRebuild({ nodes: 20, volumes: 400 });
    assert.equal(calls, 420);
    // 250 reads at once, and then 25 a second.
    assert.ok(seconds <= (calls - 250) / 25 + 5, `${seconds} s`);
    assert.ok(seconds * 5 <= oneByOneSeconds, `${seconds} s, one by one ${oneByOneSeconds} s`);
    const { outageCallsPerMinute, outageAttachWaitMs, afterOutageSeconds } = outage;
    // The attach's own reads, twelve a minute, may use the rest.
    assert.ok(outageCallsPerMinute <= 1512, `${outageCallsPerMinute} calls a minute`);
    assert.ok(outageAttachWaitMs <= 1_000, `${outageAttachWaitMs} ms`);
    // A pass has failed just before, and 10 s is the longest wait for the next one.
    assert.ok(afterOutageSeconds <= (calls - 250) / 25 + 20, `${afterOutageSeconds} s`);
  });
});

describe("the benchmark", () => {
  it("prints one JSON object with the documented keys", async () => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const { output } = await runCommand(
      process.execPath,
      ["bench/attach.ts", "--json", "oneVm", "poison", "fleet"],
      { cwd: root },
    );
    const figures = JSON.parse(output) as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    const keys = {
      oneVm: ["floorMs", "ms", "armWrites", "oneByOneMs", "windowMs"],
      poison: ["attached", "errors"],
      fleet: ["lost", "writes", "throttled"],
    };
    for (const [part, names] of Object.entries(keys))
      for (const name of names) assert.equal(typeof figures[part]?.[name], "number", `${part}.${name}`);
    assert.deepEqual(Object.keys(figures), [...Object.keys(keys), "machine"]);
  });
});
