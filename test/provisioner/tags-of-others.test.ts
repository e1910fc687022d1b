import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { FaultEffect } from "../../src/emulator/model/pace/fault-rule.ts";
import { findDisk } from "../../src/emulator/model/world.ts";
import { azureLimits } from "../../src/provisioner/arm/throttle-budget.ts";
import type { AzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import { aDiskRequest, failureOf, mayAlways, never } from "../contract/worlds/cloud-bench.ts";
import { anAzure } from "./an-azure.ts";

/**
 * Half of the writes serve everything but tags, a quarter failover and detaches. One is added each second.
 */
const fewWrites = { ...azureLimits, diskWrite: { perSubscription: { burst: 4, perMinute: 60 } } };
const THROTTLED: FaultEffect = { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 30 };
/** After the first read of the disk, and before each repeat. */
const PERSON_AFTER_MS = 60;

/** A provisioner, and the disk pvc-1 with the tag a. */
async function withDisk(
  act: (world: {
    readonly model: ComputeModel;
    readonly clock: VirtualClock;
    readonly cloud: AzureCloudProvisioner;
    readonly diskUri: string;
    readonly tags: () => unknown;
    readonly tagDisk: (
      changes: Readonly<Record<string, string | undefined>>,
      isToBeTagged?: (present: Readonly<Record<string, string>>) => boolean,
    ) => ReturnType<AzureCloudProvisioner["tagDisk"]>;
  }) => Promise<void>,
  limits = azureLimits,
): Promise<void> {
  const { clock, model, cloud, run } = anAzure({ model: { timeScale: 0 }, provisioner: { limits } });
  const { diskUri } = valueOf(await run(cloud.createDisk(aDiskRequest({ tags: { a: "b" } }), never)));
  const tags = (): unknown => findDisk(model.world, diskUri)?.spec.tags;
  await act({
    model,
    clock,
    cloud,
    diskUri,
    tags,
    tagDisk: (changes, isToBeTagged = () => true) =>
      cloud.tagDisk({ diskUri, tags: changes, isToBeTagged, precondition: mayAlways }, never),
  });
}

/** A person adds a tag while the driver sets its own. */
async function addLater(clock: VirtualClock, model: ComputeModel, diskUri: string): Promise<void> {
  await clock.sleep(PERSON_AFTER_MS, never);
  const body = { tags: { ...findDisk(model.world, diskUri)?.spec.tags, person: "p" } };
  assert.equal(
    model.handle({ method: "PATCH", path: diskUri, query: { "api-version": "2025-04-01" }, body }).status,
    202,
  );
}

describe("a tag that a person adds during the driver's own tag write", () => {
  const rows: readonly { readonly because: string; readonly effect: FaultEffect }[] = [
    { because: "throttled", effect: THROTTLED },
    { because: "lost on its way", effect: { kind: "DropRequest" } },
    { because: "answered, and the answer lost", effect: { kind: "DropResponse" } },
  ];
  for (const { because, effect } of rows)
    it(`stays if the driver's request is ${because}`, () =>
      withDisk(async ({ model, clock, diskUri, tags, tagDisk }) => {
        model.faults.add({ operation: "Disks_Update", times: 1, effect });
        const [tagged] = await settledOn(
          clock,
          Promise.all([tagDisk({ own: "o" }), addLater(clock, model, diskUri)]),
        );
        valueOf(tagged);
        assert.deepEqual(tags(), { a: "b", own: "o", person: "p" });
      }));

  it("stays if the driver's request waits for the call budget", () =>
    withDisk(async ({ model, clock, cloud, diskUri, tags, tagDisk }) => {
      const other = valueOf(
        await settledOn(clock, cloud.createDisk(aDiskRequest({ diskName: "pvc-2" }), never)),
      );
      model.faults.add({ operation: "Disks_Update", times: 1, effect: THROTTLED });
      const waiting = cloud.resizeDisk(
        { diskUri: other.diskUri, sizeGiB: 128, precondition: mayAlways },
        never,
      );
      await settledOn(clock, clock.sleep(PERSON_AFTER_MS, never));
      const [tagged] = await settledOn(
        clock,
        Promise.all([tagDisk({ own: "o" }), addLater(clock, model, diskUri), waiting]),
      );
      valueOf(tagged);
      assert.deepEqual(tags(), { a: "b", own: "o", person: "p" });
    }));
});

describe("the tags of a disk", () => {
  it("are judged as read before each request, also before a retry", () =>
    withDisk(async ({ model, clock, diskUri, tags, tagDisk }) => {
      model.faults.add({ operation: "Disks_Update", times: 1, effect: THROTTLED });
      const isWithoutPerson = (present: Readonly<Record<string, string>>): boolean =>
        present["person"] === undefined;
      const [tagged] = await settledOn(
        clock,
        Promise.all([tagDisk({ own: "o" }, isWithoutPerson), addLater(clock, model, diskUri)]),
      );
      assert.equal(failureOf(tagged).kind, "Refused");
      assert.deepEqual(tags(), { a: "b", person: "p" });
    }));

  it("give way to a later disk creation, where disk writes are scarce", () =>
    withDisk(async ({ model, clock, cloud, tagDisk }) => {
      const create = (diskName: string): ReturnType<AzureCloudProvisioner["createDisk"]> =>
        cloud.createDisk(aDiskRequest({ diskName }), never);
      valueOf(await settledOn(clock, create("pvc-2")));
      const seen = model.journal.since(0).length;
      const [tagged, created] = await settledOn(
        clock,
        Promise.all([tagDisk({ own: "o" }), clock.sleep(PERSON_AFTER_MS, never).then(() => create("pvc-3"))]),
      );
      valueOf(tagged);
      valueOf(created);
      const writes = model.journal
        .since(0)
        .slice(seen)
        .map(({ operation }) => operation);
      assert.deepEqual(
        writes.filter((operation) => operation === "Disks_Update" || operation === "Disks_CreateOrUpdate"),
        ["Disks_CreateOrUpdate", "Disks_Update"],
      );
    }, fewWrites));

  it("are not sent again if the lost response was to their request", () =>
    withDisk(async ({ model, clock, tagDisk }) => {
      model.faults.add({ operation: "Disks_Update", times: 1, effect: { kind: "DropResponse" } });
      valueOf(await settledOn(clock, tagDisk({ own: "o" })));
      assert.equal(model.journal.since(0).filter(({ operation }) => operation === "Disks_Update").length, 1);
    }));

  it("are not sent if the disk can't be read first, at no cost to its other writes", () =>
    withDisk(async ({ model, clock, cloud, tagDisk }) => {
      model.faults.add({ operation: "Disks_Get", times: 4, effect: { ...THROTTLED, retryAfterS: 3 } });
      assert.equal(failureOf(await settledOn(clock, tagDisk({ own: "o" }))).kind, "Throttled");
      const writes = cloud.budget().find(({ group }) => group === "diskWrite");
      assert.equal(writes?.refusedTotal, 0);
      assert.equal(model.journal.since(0).filter(({ operation }) => operation === "Disks_Update").length, 0);
    }));
});
