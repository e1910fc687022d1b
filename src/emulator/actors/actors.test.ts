import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { booleanAt, listAt, textAt } from "../model/api/json.ts";
import {
  aModel,
  COMPUTE,
  dataDisksOf,
  diskBody,
  listBody,
  type ModelFixture,
  START_MS,
} from "../model/testing/model-fixture.ts";
import type { ActorSetUp } from "./actor.ts";
import { createActors } from "./actors.ts";

const HOUR_MS = 3_600_000;
const place = { subscriptionId: "sub-1", resourceGroup: "rg" } as const;
const onNodeA = { ...place, virtualMachines: ["node-a"] } as const;

/** Lets actors and operations act in turn until this much time has passed. */
function play(azure: ModelFixture, setUps: readonly ActorSetUp[], forMs: number, seed = 1): void {
  const actors = createActors(setUps, {
    handle: (request) => azure.model.handle(request),
    timeScale: () => azure.model.world.settings.timeScale,
    startedAtMs: azure.nowMs(),
    seed,
  });
  const endMs = azure.nowMs() + forMs;
  for (;;) {
    actors.advanceTo(azure.nowMs());
    const nextMs = Math.min(azure.model.nextEventAtMs() ?? Infinity, actors.nextActMs() ?? Infinity);
    if (nextMs > endMs) return;
    azure.advance(Math.max(0, nextMs - azure.nowMs()));
  }
}

/** The accepted writes of an actor, as `PUT path`. */
function writesOf(azure: ModelFixture, actor: string): readonly string[] {
  return azure.model.journal
    .since(0)
    .filter(({ caller, method, status }) => caller === actor && method !== "GET" && status < 300)
    .map(({ method, path }) => `${method} ${path.replace(`${COMPUTE}/`, "")}`);
}

const v1: ActorSetUp = { kind: "V1Writer", ...onNodeA, everyS: 30, disks: 2, staleS: 0 };

describe("the V1Writer", () => {
  it("attaches and detaches its disks, and leaves others", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 9: "pvc-1" }));
    play(azure, [v1], HOUR_MS);
    const writes = writesOf(azure, "actor-0-V1Writer");
    assert.ok(writes.filter((write) => write === "PUT virtualMachines/node-a").length > 20, writes.join());
    assert.match(dataDisksOf(azure, "node-a"), /9:pvc-1/);
  });

  it("decides the same with the same seed, and otherwise with another", () => {
    const [first = "", second = "", third = ""] = [1, 1, 2].map((seed) => {
      const azure = aModel();
      play(azure, [v1, { kind: "PortalUser", ...onNodeA, everyS: 60 }], HOUR_MS, seed);
      const calls = azure.model.journal.since(0);
      return JSON.stringify(
        calls.map(({ atMs, method, path, body }) => [atMs - START_MS, method, path, body]),
      );
    });
    assert.equal(second, first);
    assert.notEqual(third, first);
  });

  it("detaches another client's disk by a list that is old", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    // From here on its disks exist, so that each further turn is one of lists only.
    play(azure, [{ ...v1, disks: 4, staleS: 600 }], HOUR_MS);
    const stale: ActorSetUp = { ...v1, disks: 4, staleS: 3000 };
    const actors = createActors([stale], {
      handle: (request) => azure.model.handle(request),
      timeScale: () => 1,
      startedAtMs: azure.nowMs(),
      seed: 3,
    });
    const until = (isReached: () => boolean): void => {
      for (let turn = 0; turn < 10_000 && !isReached(); turn += 1) {
        azure.advance(1000);
        actors.advanceTo(azure.nowMs());
      }
      assert.ok(isReached());
    };
    const reads = (): number =>
      azure.model.journal
        .since(0)
        .filter(
          ({ operation, caller }) => operation === "VirtualMachines_Get" && caller === "actor-0-V1Writer",
        ).length;
    const before = reads();
    until(() => reads() > before);
    const list = listBody({ 9: "pvc-1" });
    const own = listAt(
      azure.send("GET", "virtualMachines/node-a").body,
      "properties",
      "storageProfile",
      "dataDisks",
    );
    azure.send("PATCH", "virtualMachines/node-a", {
      properties: {
        storageProfile: {
          dataDisks: [...(own ?? []), ...(listAt(list, "properties", "storageProfile", "dataDisks") ?? [])],
        },
      },
    });
    azure.advance(60_000);
    until(() => textAt(azure.send("GET", "disks/pvc-1").body, "managedBy") === undefined);
  });
});

describe("the PortalUser", () => {
  it("saves whole VMs, with disks of its own and tags", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 9: "pvc-1" }));
    play(azure, [{ kind: "PortalUser", ...onNodeA, everyS: 60 }], HOUR_MS);
    const vm = azure.send("GET", "virtualMachines/node-a").body;
    assert.match(textAt(vm, "tags", "actor-0-PortalUser") ?? "", /^\d+$/);
    assert.match(dataDisksOf(azure, "node-a"), /actor-0-PortalUser-[0-9a-f]{8}/);
    assert.match(dataDisksOf(azure, "node-a"), /9:pvc-1/);
  });
});

describe("the TerraformDrift", () => {
  for (const { because, changed, writes } of [
    { because: "has one more", changed: { 0: "own", 1: "pvc-1" }, writes: ["PUT virtualMachines/node-a"] },
    { because: "has another one instead", changed: { 1: "pvc-1" }, writes: ["PUT virtualMachines/node-a"] },
    { because: "has the same", changed: { 0: "own" }, writes: [] },
  ] as const)
    it(`restores the disks that a VM had at its start: it ${because}`, () => {
      const azure = aModel();
      for (const name of ["own", "pvc-1"]) azure.finish("PUT", `disks/${name}`, diskBody());
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "own" }));
      const drift: ActorSetUp = { kind: "TerraformDrift", ...onNodeA, everyS: 600 };
      const actors = createActors([drift], {
        handle: (request) => azure.model.handle(request),
        timeScale: () => 1,
        startedAtMs: azure.nowMs(),
        seed: 1,
      });
      actors.advanceTo(azure.nowMs());
      azure.finish("PATCH", "virtualMachines/node-a", listBody(changed));
      azure.advance(1_000_000);
      actors.advanceTo(azure.nowMs());
      azure.settle();
      assert.equal(dataDisksOf(azure, "node-a"), "0:own");
      assert.deepEqual(writesOf(azure, "actor-0-TerraformDrift"), writes);
    });
});

describe("the AksUpgrade", () => {
  const upgrade: ActorSetUp = {
    kind: "AksUpgrade",
    ...place,
    scaleSet: "pool",
    afterS: 60,
    surge: 2,
    drainS: 30,
  };
  const pool = { ...place, location: "eastus", name: "pool", capacity: 3, zones: ["1"], firstInstanceId: 68 };
  const instances = "virtualMachineScaleSets/pool/virtualMachines";

  it("reimages each instance once with the new model, and takes its surge back", () => {
    const azure = aModel({ scaleSets: [pool] });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PUT", `${instances}/69`, listBody({ 0: "pvc-1" }));
    play(azure, [upgrade], 24 * HOUR_MS);
    const now = listAt(azure.send("GET", instances).body, "value") ?? [];
    assert.deepEqual(
      now.map((vm) => [textAt(vm, "instanceId"), booleanAt(vm, "properties", "latestModelApplied")]),
      [
        ["68", true],
        ["69", true],
        ["70", true],
      ],
    );
    assert.deepEqual(
      writesOf(azure, "actor-0-AksUpgrade").filter((write) => write.endsWith("reimage")),
      ["68", "69", "70"].map((id) => `POST ${instances}/${id}/reimage`),
    );
    assert.match(textAt(azure.send("GET", "disks/pvc-1").body, "managedBy") ?? "", /pool_69$/);
  });

  it("waits for other writes, and passes over an instance that is removed", () => {
    const azure = aModel({ scaleSets: [pool] });
    const writer: ActorSetUp = {
      kind: "V1Writer",
      ...place,
      scaleSet: "pool",
      everyS: 2,
      disks: 3,
      staleS: 0,
    };
    azure.finish("DELETE", `${instances}/69`);
    play(azure, [upgrade, writer], 4 * HOUR_MS);
    const refused = azure.model.journal
      .since(0)
      .filter(({ caller, status }) => caller === "actor-0-AksUpgrade" && status === 409);
    assert.ok(refused.length > 0, "the writer was never in the way");
    assert.deepEqual(
      (listAt(azure.send("GET", instances).body, "value") ?? []).map((vm) => textAt(vm, "instanceId")),
      ["68", "70"],
    );
  });
});
