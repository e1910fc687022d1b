import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelDisk, type ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { createAgenda } from "../agenda.ts";
import { createSimMachine, type RunMachine } from "./create-sim-machine.ts";
import { createOutsiders } from "./outsiders.ts";

const aDisk = (diskUri: string): ModelDisk => createModelDisk({ diskUri, sizeBytes: gibToBytes(10) });

/** A machine whose first disk, at LUN 0, a process has open. */
function aMachine(): RunMachine {
  const clock = createVirtualClock();
  const machine = createSimMachine({
    ...{ nodeName: "node-a", instanceUri: "/vms/node-a", vmGuid: "a", clock, random: createSeededRandom(1) },
    agenda: createAgenda(clock),
    onChange: () => undefined,
  });
  machine.attach({ lun: 0, disk: aDisk("first") });
  machine.kernel.openRaw(0);
  return machine;
}

describe("a disk that comes to the LUN of another one that a process has open", () => {
  for (const { because, blind, isTaken } of [
    {
      because: "is taken for that one by a machine that stood still until then",
      blind: (machine: RunMachine) => {
        machine.freeze();
        return machine.thaw;
      },
      isTaken: true,
    },
    {
      because: "is taken for that one by a machine that did not look until then",
      blind: (machine: RunMachine) => machine.holdScans(),
      isTaken: true,
    },
    { because: "is another device of a machine that looks", blind: () => () => undefined, isTaken: false },
  ])
    it(because, () => {
      const machine = aMachine();
      const look = blind(machine);
      for (const name of ["passing", "second"]) {
        machine.detach(0);
        machine.attach({ lun: 0, disk: aDisk(name) });
      }
      look();
      const writable = ["first", "passing", "second"].filter((name) => machine.kernel.canWrite(name));
      assert.deepEqual(writable, isTaken ? ["second"] : []);
    });

  it("is no device where it leaves again before the machine continues", () => {
    const machine = aMachine();
    machine.freeze();
    machine.detach(0);
    machine.attach({ lun: 0, disk: aDisk("second") });
    machine.detach(0);
    machine.thaw();
    machine.attach({ lun: 0, disk: aDisk("third") });
    assert.equal(machine.kernel.canWrite("third"), false);
  });
});

describe("another client that attaches disks", () => {
  /** What it asks for with `act` once the disk at LUN 0 has left the machine. */
  function askedFor(
    isFrozen: boolean,
    act: (outsiders: ReturnType<typeof createOutsiders>) => void,
  ): unknown {
    const machine = aMachine();
    if (isFrozen) machine.freeze();
    machine.detach(0);
    const asked: unknown[] = [];
    const outsiders = createOutsiders({
      handle: ({ body }) => {
        asked.push(body);
        return { status: 200, headers: {}, delivery: { kind: "Answered" }, sequence: 1 };
      },
      vmOf: () => undefined,
      instanceUriOf: () => machine.instanceUri,
      machineOf: () => machine,
      agenda: createAgenda(machine.clock),
    });
    act(outsiders);
    return asked;
  }

  it("takes another LUN than one that a frozen machine has lost unnoticed", () => {
    const act = (outsiders: ReturnType<typeof createOutsiders>): void =>
      outsiders.attachOutside("node-a", "second");
    assert.deepEqual(askedFor(false, act), [{ dataDisksToAttach: [{ diskId: "second" }] }]);
    assert.deepEqual(askedFor(true, act), [{ dataDisksToAttach: [{ diskId: "second", lun: 1 }] }]);
  });

  it("puts no disk back that a frozen machine has lost unnoticed", () => {
    const disks = [0, 1].map((lun) => ({
      lun,
      name: `disk-${lun}`,
      diskId: `/disks/disk-${lun}`,
      ...({ createOption: "Attach", caching: "None", deleteOption: "Detach", phase: "Attached" } as const),
      writeAcceleratorEnabled: undefined,
      forced: false,
    }));
    const lunsPut = (isFrozen: boolean): readonly number[] =>
      [0, 1].filter((lun) =>
        JSON.stringify(
          askedFor(isFrozen, (outsiders) => outsiders.putListOutside("node-a", disks, () => undefined)),
        ).includes(`disk-${lun}`),
      );
    assert.deepEqual([lunsPut(false), lunsPut(true)], [[0, 1], [1]]);
  });
});
