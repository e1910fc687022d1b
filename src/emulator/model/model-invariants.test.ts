import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ArmAnswer } from "./api/arm-message.ts";
import { replayJournal } from "./api/replay.ts";
import { keyOf } from "./api/resource/resource-id.ts";
import {
  aModel,
  COMPUTE,
  START_MS,
  diskBody,
  etagOf,
  listBody,
  type ModelFixture,
} from "./testing/model-fixture.ts";
import type { World } from "./world.ts";

const DISKS = ["d0", "d1", "d2", "d3"];
const VMS = ["node-a", "node-b", "node-c"];

type Command =
  | {
      readonly kind: "Replace";
      readonly vm: string;
      readonly list: Readonly<Record<number, string>>;
      readonly forced: boolean;
    }
  | {
      readonly kind: "AttachDetach";
      readonly vm: string;
      readonly attach: readonly string[];
      readonly detach: readonly string[];
    }
  | { readonly kind: "Make"; readonly vm: string; readonly lun: number; readonly name: string }
  | { readonly kind: "Power"; readonly vm: string; readonly action: string }
  | { readonly kind: "Recreate"; readonly vm: string }
  | { readonly kind: "Delete"; readonly vm: string }
  | { readonly kind: "DeleteDisk"; readonly disk: string }
  | { readonly kind: "Advance"; readonly ms: number };

const vm = fc.constantFrom(...VMS);
const disk = fc.constantFrom(...DISKS);
const list = fc.dictionary(fc.constantFrom("0", "1", "2"), disk, { maxKeys: 3 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("Replace" as const), vm, list, forced: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("AttachDetach" as const),
      vm,
      attach: fc.subarray(DISKS),
      detach: fc.subarray(DISKS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("Make" as const),
      vm,
      lun: fc.constantFrom(3, 4),
      name: fc.constantFrom("made-0", "made-1"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("Power" as const),
      vm,
      action: fc.constantFrom("start", "powerOff", "deallocate", "restart"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("Recreate" as const), vm }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("Delete" as const), vm }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("DeleteDisk" as const), disk }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("Advance" as const), ms: fc.integer({ min: 0, max: 30_000 }) }),
  },
);

function run(azure: ModelFixture, step: Command): ArmAnswer | undefined {
  const id = (name: string): string => `${COMPUTE}/disks/${name}`;
  switch (step.kind) {
    case "Replace": {
      const leaving = step.forced
        ? Object.fromEntries(
            Object.values(step.list).map((name) => [
              name,
              { toBeDetached: true, detachOption: "ForceDetach" },
            ]),
          )
        : {};
      return azure.send("PATCH", `virtualMachines/${step.vm}`, listBody(step.list, leaving));
    }
    case "AttachDetach":
      return azure.send("POST", `virtualMachines/${step.vm}/attachDetachDataDisks`, {
        dataDisksToAttach: step.attach.map((name) => ({ diskId: id(name) })),
        dataDisksToDetach: step.detach.map((name) => ({ diskId: id(name) })),
      });
    case "Make":
      return azure.send("PATCH", `virtualMachines/${step.vm}`, {
        properties: {
          storageProfile: {
            dataDisks: [{ lun: step.lun, createOption: "Empty", name: step.name, diskSizeGB: 8 }],
          },
        },
      });
    case "Power":
      return azure.send("POST", `virtualMachines/${step.vm}/${step.action}`);
    case "Recreate":
      return azure.send("PUT", `virtualMachines/${step.vm}`, {
        location: "eastus",
        zones: ["1"],
        properties: {},
      });
    case "Delete":
      return azure.send("DELETE", `virtualMachines/${step.vm}`);
    case "DeleteDisk":
      return azure.send("DELETE", `disks/${step.disk}`);
    case "Advance":
      azure.advance(step.ms);
      return undefined;
  }
}

function prepared(settings: NonNullable<Parameters<typeof aModel>[0]>["settings"]): ModelFixture {
  const azure = aModel({
    virtualMachines: VMS.map((name) => ({ name })),
    ...(settings === undefined ? {} : { settings }),
  });
  for (const [index, name] of DISKS.entries())
    azure.finish("PUT", `disks/${name}`, diskBody(index === 0 ? { properties: { maxShares: 2 } } : {}));
  return azure;
}

/** Invariants that hold at every moment, after any calls. */
function checkWorld(world: World): void {
  for (const machine of world.virtualMachines.values()) {
    const luns = machine.dataDisks.map((entry) => entry.lun);
    assert.equal(new Set(luns).size, luns.length, `two disks on one LUN of ${machine.name}`);
    assert.ok(machine.dataDisks.length <= 2 * machine.size.dataDisksMax);
    for (const entry of machine.dataDisks) {
      if (entry.makes !== undefined) {
        assert.equal(world.disks.has(keyOf(entry.diskId)), false, `${entry.name} is made twice`);
        continue;
      }
      const claims = [
        ...(world.disks.get(keyOf(entry.diskId))?.owners ?? []),
        ...(world.disks.get(keyOf(entry.diskId))?.reservations ?? []),
      ];
      assert.ok(
        claims.some((claim) => claim.vmGuid === machine.vmGuid),
        `${machine.name} lists ${entry.name}, which does not know of it`,
      );
      if (entry.phase === "Attached")
        assert.ok(
          world.disks.get(keyOf(entry.diskId))?.owners.some((owner) => owner.vmGuid === machine.vmGuid),
        );
    }
  }
  for (const each of world.disks.values()) {
    const claims = new Set([...each.owners, ...each.reservations].map((claim) => claim.vmGuid));
    assert.ok(claims.size <= each.spec.maxShares, `${each.name} is claimed by ${claims.size} VMs`);
  }
}

describe("the model under arbitrary calls", () => {
  for (const concurrentVmWrite of ["conflict", "preempt"] as const) {
    it(`keeps LUNs apart, disks within maxShares, and both sides consistent (${concurrentVmWrite})`, () => {
      fc.assert(
        fc.property(fc.array(command, { maxLength: 40 }), (steps) => {
          const azure = prepared({ concurrentVmWrite, sharedAttachRace: false });
          for (const step of steps) {
            run(azure, step);
            checkWorld(azure.model.world);
          }
          azure.settle();
          checkWorld(azure.model.world);
          for (const machine of azure.model.world.virtualMachines.values())
            assert.equal(machine.operationId, undefined);
          for (const each of azure.model.world.disks.values()) assert.deepEqual(each.reservations, []);
        }),
        { numRuns: 150 },
      );
    });
  }

  it("moves a VM's ETag with every accepted write and with no refused one", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), (steps) => {
        const azure = prepared({});
        for (const step of steps) {
          if (step.kind !== "Replace") {
            run(azure, step);
            continue;
          }
          const before = etagOf(azure, step.vm);
          const accepted = run(azure, step)?.status === 200;
          assert.equal(etagOf(azure, step.vm) !== before, accepted);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("answers the same to the same calls at the same times from the same seed", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), (steps) => {
        const [first, second] = [prepared({}), prepared({})];
        assert.deepEqual(
          steps.map((step) => run(first, step)),
          steps.map((step) => run(second, step)),
        );
      }),
      { numRuns: 40 },
    );
  });

  it("can be replayed from its journal, faults included", () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 25 }),
        fc.integer({ min: 0, max: 3 }),
        (steps, probability) => {
          const azure = prepared({});
          azure.send("POST", "/emulator/v1/faults", {
            probability: probability / 3,
            effect: { kind: "FailOperation", code: "InternalOperationError" },
          });
          for (const step of steps) run(azure, step);
          const entries = azure.model.journal.since(0);
          const same = {
            resourceGroups: azure.model.world.initial.resourceGroups ?? [],
            virtualMachines: azure.model.world.initial.virtualMachines ?? [],
          };
          assert.equal(replayJournal(entries, { ...same, startedAtMs: START_MS }), undefined);
          if (entries.length > 8)
            assert.notEqual(replayJournal(entries, { ...same, startedAtMs: START_MS, seed: 2 }), undefined);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("can be replayed with the faults and callers of its set-up", () => {
    const faults = [
      {
        operation: "VirtualMachines_*",
        probability: 0.3,
        effect: { kind: "FailOperation", code: "InternalOperationError" },
      },
      { operation: "VirtualMachines_Get", probability: 0.5, effect: { kind: "StaleRead" } },
    ] as const;
    const azure = aModel({ faults });
    for (let turn = 0; turn < 20; turn += 1) {
      const caller = turn % 3 === 0 ? "a" : "b";
      azure.send("PUT", `disks/pvc-${turn}`, diskBody(), { caller });
      azure.advance(2000);
      azure.send("PATCH", "virtualMachines/node-a", listBody({ [turn % 8]: `pvc-${turn}` }), { caller });
      azure.send("GET", "virtualMachines/node-a", undefined, { caller });
      azure.advance(20_000);
    }
    const { initial, startedAtMs } = azure.model.world;
    const entries = azure.model.journal.since(0);
    assert.equal(replayJournal(entries, { ...initial, startedAtMs }), undefined);
    assert.notEqual(replayJournal(entries, { ...initial, faults: [], startedAtMs }), undefined);
  });

  // And to show it before the operation is Succeeded.
  it("asks the devices to remove a disk before it shows the disk detached", () => {
    const azure = aModel({ hasDataPlane: true });
    const settleDevices = (): readonly string[] =>
      azure.model.takeDueEffects().flatMap((due) => {
        azure.model.settleOperation(due.operationId);
        return due.effects.map((effect) => effect.kind);
      });
    azure.advance(0);
    assert.deepEqual(settleDevices(), ["vmStarted", "vmStarted"]);
    azure.send("PUT", "disks/pvc-1", diskBody());
    azure.advance(600_000);
    assert.deepEqual(settleDevices(), ["diskCreated"]);
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.advance(600_000);
    assert.equal(azure.send("GET", "disks/pvc-1").body === undefined, false);
    assert.equal(azure.model.world.disks.get(keyOf(`${COMPUTE}/disks/pvc-1`))?.owners.length, 0);
    assert.deepEqual(settleDevices(), ["diskAttached"]);
    assert.equal(azure.model.world.disks.get(keyOf(`${COMPUTE}/disks/pvc-1`))?.owners.length, 1);
    azure.send("PATCH", "virtualMachines/node-a", listBody({}));
    azure.advance(600_000);
    assert.equal(
      azure.model.world.virtualMachines.get(keyOf(`${COMPUTE}/virtualMachines/node-a`))?.dataDisks.length,
      1,
    );
    assert.deepEqual(settleDevices(), ["diskDetached"]);
    assert.equal(
      azure.model.world.virtualMachines.get(keyOf(`${COMPUTE}/virtualMachines/node-a`))?.dataDisks.length,
      0,
    );
  });
});
