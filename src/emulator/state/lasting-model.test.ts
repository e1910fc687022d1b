import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ArmMethod } from "../model/api/arm-message.ts";
import { type Json, listAt, textAt } from "../model/api/json.ts";
import type { ComputeModel } from "../model/compute-model.ts";
import { dumpWorld } from "../model/dump.ts";
import type { Effect } from "../model/run-command/guests-port.ts";
import { COMPUTE, diskBody, listBody, START_MS } from "../model/testing/model-fixture.ts";
import { createLastingModel, type LastingModel } from "./lasting-model.ts";
import type { InputRecord, RecordedInput } from "./recorded-input.ts";

/** A record that outlasts its models, as a file would: what it has was text in between. */
function aRecord(): InputRecord & { readonly lines: string[]; isFull: boolean } {
  const lines: string[] = [];
  const record = {
    lines,
    isFull: false,
    inputs: () => lines.map((line) => JSON.parse(line) as RecordedInput),
    append: (input: RecordedInput) => {
      if (record.isFull) throw new Error("no space left");
      lines.push(JSON.stringify(input));
    },
  };
  return record;
}

const clock = { at: START_MS, nowMs: () => clock.at };

function begin(
  record: InputRecord,
  more: { hasDataPlane?: boolean; hasGuests?: boolean; seed?: number } = {},
): LastingModel {
  const vm = { subscriptionId: "sub-1", resourceGroup: "rg", location: "eastus", zone: "1" };
  return createLastingModel(
    {
      clock,
      virtualMachines: [
        { ...vm, name: "node-a" },
        { ...vm, name: "node-b" },
      ],
      scaleSets: [{ ...vm, name: "pool", capacity: 2 }],
      ...more,
    },
    { record, startedAtMs: START_MS },
  );
}

function send(model: ComputeModel, method: ArmMethod, path: string, body?: Json): number {
  const query = { "api-version": "2025-04-01" };
  const at = path.startsWith("/") ? path : `${COMPUTE}/${path}`;
  return model.handle({ method, path: at, query, ...(body === undefined ? {} : { body }) }).status;
}

/** Carries out what is due, as a runtime with a data plane does. */
function settleDevices(model: ComputeModel, failure?: string): readonly Effect[] {
  model.advanceTo(clock.nowMs());
  return model.takeDueEffects().flatMap((due) => {
    model.settleOperation(due.operationId, failure);
    return due.effects;
  });
}

const DISKS = ["d0", "d1"];
/** Calls of the emulator's own API, and of resources that nothing else here has. */
const OTHERS: readonly (readonly [ArmMethod, string, Json?])[] = [
  [
    "PUT",
    "snapshots/s0",
    {
      location: "eastus",
      properties: {
        incremental: true,
        creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d0` },
      },
    },
  ],
  ["DELETE", "snapshots/s0"],
  ["PUT", "diskAccesses/access", { location: "eastus" }],
  ["POST", "/emulator/v1/faults", { probability: 0.5, effect: { kind: "FailOperation", code: "Internal" } }],
  ["DELETE", "/emulator/v1/faults"],
  ["PATCH", "/emulator/v1/settings", { etagMovesAt: "end" }],
  [
    "POST",
    "/emulator/v1/virtualMachineEvents",
    { vmId: `${COMPUTE}/virtualMachines/node-a`, event: "PowerLoss" },
  ],
  ["POST", "/emulator/v1/reset"],
  [
    "PATCH",
    "virtualMachineScaleSets/pool",
    {
      properties: {
        virtualMachineProfile: { networkProfile: { healthProbe: { id: "/any/probe" } } },
        upgradePolicy: { mode: "Rolling", rollingUpgradePolicy: { pauseTimeBetweenBatches: "PT20S" } },
      },
    },
  ],
  ["POST", "virtualMachineScaleSets/pool/osRollingUpgrade"],
  ["POST", "virtualMachineScaleSets/pool/rollingUpgrades/cancel"],
  ["GET", "/emulator/v1/imds/node-a/metadata/scheduledevents"],
  [
    "POST",
    "/emulator/v1/scheduledEvents",
    { vmId: `${COMPUTE}/virtualMachines/node-b`, eventType: "Redeploy", noticeS: 40 },
  ],
];
const step = fc.oneof(
  fc.record({ kind: fc.constant("disk" as const), disk: fc.constantFrom(...DISKS) }),
  fc.record({
    kind: fc.constant("list" as const),
    vm: fc.constantFrom("node-a", "node-b"),
    list: fc.dictionary(fc.constantFrom("0", "1"), fc.constantFrom(...DISKS), { maxKeys: 2 }),
  }),
  fc.record({
    kind: fc.constant("power" as const),
    vm: fc.constantFrom("node-a", "node-b"),
    action: fc.constantFrom("start", "powerOff", "restart"),
  }),
  fc.record({ kind: fc.constant("other" as const), call: fc.constantFrom(...OTHERS) }),
  fc.record({ kind: fc.constant("read" as const), disk: fc.constantFrom(...DISKS) }),
  fc.record({
    kind: fc.constant("wait" as const),
    ms: fc.integer({ min: 0, max: 30_000 }),
    failure: fc.constantFrom(undefined, undefined, "no space"),
  }),
);

function run(model: ComputeModel, one: typeof step extends fc.Arbitrary<infer Step> ? Step : never): void {
  if (one.kind === "disk") send(model, "PUT", `disks/${one.disk}`, diskBody());
  else if (one.kind === "list") send(model, "PATCH", `virtualMachines/${one.vm}`, listBody(one.list));
  else if (one.kind === "power") send(model, "POST", `virtualMachines/${one.vm}/${one.action}`);
  else if (one.kind === "other") send(model, ...one.call);
  else if (one.kind === "read") send(model, "GET", `disks/${one.disk}`);
  else {
    clock.at += one.ms;
    settleDevices(model, one.failure);
  }
}

describe("a model whose state lasts", () => {
  for (const hasDataPlane of [false, true])
    it(`is the same after a restart at any call, ${hasDataPlane ? "with" : "without"} devices`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 25 }), fc.nat({ max: 25 }), (steps, restartAfter) => {
          clock.at = START_MS;
          const [restarted, steady] = [aRecord(), aRecord()];
          let present = begin(restarted, { hasDataPlane }).model;
          const other = begin(steady, { hasDataPlane }).model;
          for (const [index, one] of steps.entries()) {
            const beganAt = clock.at;
            run(other, one);
            clock.at = beganAt;
            run(present, one);
            if (index === restartAfter) present = begin(restarted, { hasDataPlane }).model;
          }
          assert.deepEqual(restarted.lines, steady.lines);
          const again = begin(restarted, { hasDataPlane }).model;
          // What settled device work begins at this very moment is due as well.
          for (const model of [again, other]) model.advanceTo(clock.at);
          assert.deepEqual(dumpWorld(again.world), dumpWorld(other.world));
        }),
        { numRuns: 100 },
      );
    });

  it("continues a rolling upgrade with the batch that is next", () => {
    clock.at = START_MS;
    const record = aRecord();
    const pool = "virtualMachineScaleSets/pool";
    const probe = { networkProfile: { healthProbe: { id: "/any/probe" } } };
    const first = begin(record).model;
    assert.equal(send(first, "PATCH", pool, { properties: { virtualMachineProfile: probe } }), 200);
    clock.at += 1000;
    assert.equal(send(first, "POST", `${pool}/osRollingUpgrade`), 202);
    const latest = (model: ComputeModel): string | undefined => {
      const path = `${COMPUTE}/${pool}/rollingUpgrades/latest`;
      const { body } = model.handle({ method: "GET", path, query: { "api-version": "2025-04-01" } });
      return textAt(body, "properties", "runningStatus", "code");
    };
    assert.equal(latest(first), "RollingForward");
    const second = begin(record).model;
    assert.equal(latest(second), "RollingForward");
    clock.at += 3_600_000;
    assert.equal(latest(second), "Completed");
    assert.equal(latest(begin(record).model), "Completed");
  });

  it("keeps an event and who asks for events, so that an approval is still valid", () => {
    clock.at = START_MS;
    const record = aRecord();
    const path = "/emulator/v1/imds/node-a/metadata/scheduledevents";
    const idOf = (model: ComputeModel): string | undefined =>
      textAt((listAt(model.handle({ method: "GET", path, query: {} }).body, "Events") ?? [])[0], "EventId");
    assert.equal(idOf(begin(record).model), undefined);
    const first = begin(record).model;
    assert.equal(send(first, "POST", "virtualMachines/node-a/restart"), 202);
    const EventId = idOf(first) ?? assert.fail("no event");
    const second = begin(record).model;
    assert.equal(idOf(second), EventId);
    assert.equal(send(second, "POST", path, { StartRequests: [{ EventId }] }), 200);
    clock.at += 300_000;
    assert.equal(idOf(begin(record).model), undefined, "approved long before its time");
  });

  it("ends an operation that became due while no process ran", () => {
    clock.at = START_MS;
    const record = aRecord();
    assert.equal(send(begin(record).model, "PUT", "disks/d0", diskBody()), 202);
    clock.at += 600_000;
    const { model } = begin(record);
    assert.equal(send(model, "PATCH", "virtualMachines/node-a", listBody({ 0: "d0" })), 200);
  });

  it("repeats device work that was interrupted, and none that was done", () => {
    clock.at = START_MS;
    const record = aRecord();
    const first = begin(record, { hasDataPlane: true }).model;
    settleDevices(first);
    send(first, "PUT", "disks/d0", diskBody());
    clock.at += 600_000;
    first.advanceTo(clock.at);
    const [due] = first.takeDueEffects();
    const second = begin(record, { hasDataPlane: true }).model;
    second.advanceTo(clock.at);
    assert.deepEqual(second.takeDueEffects(), [due]);
    second.settleOperation(due?.operationId ?? "");
    const third = begin(record, { hasDataPlane: true }).model;
    third.advanceTo(clock.at);
    assert.deepEqual(third.takeDueEffects(), []);
  });

  it("keeps what a script has written", () => {
    clock.at = START_MS;
    const record = aRecord();
    const { model } = begin(record, { hasGuests: true });
    settleDevices(model);
    const body = { commandId: "RunShellScript", script: ["id"] };
    assert.equal(send(model, "POST", "virtualMachines/node-a/runCommand", body), 202);
    clock.at += 600_000;
    model.advanceTo(clock.at);
    const [due] = model.takeDueEffects();
    const operationId = due?.operationId ?? "";
    model.settleOperation(operationId, undefined, { stdout: "uid=0", stderr: "" });
    const kept = begin(record, { hasGuests: true }).model.world.operations.get(operationId);
    assert.deepEqual(kept?.work.result?.(), model.world.operations.get(operationId)?.work.result?.());
    assert.match(JSON.stringify(kept?.work.result?.()), /uid=0/u);
  });

  it("knows the devices that VMs have, and which VMs are off", () => {
    clock.at = START_MS;
    const record = aRecord();
    const { model } = begin(record, { hasDataPlane: true });
    const finish = (method: ArmMethod, path: string, body?: Json): void => {
      send(model, method, path, body);
      clock.at += 600_000;
      settleDevices(model);
    };
    for (const name of ["d0", "d1", "d2"]) finish("PUT", `disks/${name}`, diskBody());
    finish("PATCH", "virtualMachines/node-a", listBody({ 0: "d0", 1: "d1" }));
    finish("PATCH", "virtualMachines/node-a", listBody({ 1: "d1" }));
    finish("PATCH", "virtualMachines/node-b", listBody({ 0: "d2" }));
    finish("POST", "virtualMachines/node-b/powerOff");
    const { deviceEffects } = begin(record, { hasDataPlane: true });
    assert.deepEqual(
      deviceEffects.map((effect) => [
        effect.kind,
        "vmName" in effect && effect.vmName,
        "diskId" in effect && effect.diskId.split("/").at(-1),
      ]),
      [
        ["vmStopped", "node-b", false],
        ["diskAttached", "node-a", "d1"],
        ["diskAttached", "node-b", "d2"],
      ],
    );
  });

  it("keeps its time when the system's clock was set back", () => {
    clock.at = START_MS + 60_000;
    const record = aRecord();
    send(begin(record).model, "PUT", "disks/d0", diskBody());
    clock.at = START_MS;
    const { model, clock: ahead } = begin(record);
    send(model, "GET", "disks/d0");
    assert.equal(model.world.nowMs, START_MS + 60_000);
    clock.at += 30_000;
    model.advanceTo(ahead.nowMs());
    assert.equal(model.nextEventAtMs(), undefined, "the disk waits until the clock is where it was");
  });

  it("refuses a record that leads to other answers, and names the call", () => {
    clock.at = START_MS;
    const record = aRecord();
    send(begin(record).model, "PUT", "disks/d0", diskBody());
    assert.throws(() => begin(record, { seed: 2 }), /^Error: PUT .*disks\/d0 of 2023-.* was answered 202 /u);
  });

  it("refuses device work of an operation that there is not", () => {
    clock.at = START_MS;
    const record = aRecord();
    record.append({ kind: "settled", atMs: START_MS, operationId: "unknown" });
    assert.throws(
      () => begin(record, { hasDataPlane: true }),
      /operation unknown was done, and none is due/u,
    );
  });

  it("gives the model what its record can express", () => {
    clock.at = START_MS;
    const record = aRecord();
    const { model } = begin(record);
    send(model, "PUT", "disks/d0", diskBody({ properties: { diskSizeGB: Infinity } }));
    send(model, "GET", "disks/d0");
    assert.deepEqual(dumpWorld(begin(record).model.world), dumpWorld(model.world));
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    assert.throws(() => send(model, "PUT", "disks/d1", cyclic as Json), /circular/u);
    assert.equal(send(model, "GET", "disks/d1"), 404);
  });

  it("does no device work for a call that can't be recorded", () => {
    clock.at = START_MS;
    const record = aRecord();
    const { model } = begin(record, { hasDataPlane: true });
    settleDevices(model);
    send(model, "PUT", "disks/d0", diskBody());
    clock.at += 600_000;
    settleDevices(model);
    record.isFull = true;
    assert.throws(() => send(model, "DELETE", "disks/d0"), /no space left/u);
    clock.at += 600_000;
    assert.deepEqual(settleDevices(model), [], "the disk is deleted, and the next run has it");
    record.isFull = false;
    const again = begin(record, { hasDataPlane: true }).model;
    assert.equal(send(again, "GET", "disks/d0"), 200);
  });

  it("answers nothing more once an input can't be recorded", () => {
    clock.at = START_MS;
    const record = aRecord();
    const { model } = begin(record, { hasDataPlane: true });
    send(model, "PUT", "disks/d0", diskBody());
    record.isFull = true;
    clock.at += 600_000;
    settleDevices(model);
    record.isFull = false;
    assert.throws(() => send(model, "GET", "disks/d0"), /state can't be kept: no space left/u);
    const again = begin(record, { hasDataPlane: true }).model;
    assert.deepEqual(
      settleDevices(again).map((effect) => effect.kind),
      ["vmStarted", "vmStarted", "vmStarted", "vmStarted", "diskCreated"],
    );
  });
});
