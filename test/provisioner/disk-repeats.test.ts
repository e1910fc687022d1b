import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import { describeFailure } from "../../src/core/failure/describe-failure.ts";
import { isRetryable } from "../../src/core/failure/is-retryable.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FaultEffect } from "../../src/emulator/model/pace/fault-rule.ts";
import { DEFAULT_LATENCIES } from "../../src/emulator/model/pace/latency.ts";
import { findDisk, putDisk } from "../../src/emulator/model/world.ts";
import type { DiskFacts } from "../../src/ports/cloud/cloud-provisioner.ts";
import { aDiskRequest, diskUri, failureOf, mayAlways, never } from "../contract/worlds/cloud-bench.ts";
import { anAzure } from "./an-azure.ts";

const OVER_QUOTA: FaultEffect = { kind: "Error", status: 409, code: "QuotaExceeded" };
const THROTTLED: FaultEffect = { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 30 };

const NOT_THERE = `The Resource 'Microsoft.Compute/disks/pvc-1' under resource group 'rg' was not found.`;

describe("a request that writes a disk", () => {
  it("is not sent if its precondition fails when its turn comes", async () => {
    const { clock, model, cloud } = anAzure();
    const created = await settledOn(
      clock,
      cloud.createDisk(aDiskRequest({ precondition: () => Promise.resolve(false) }), never),
    );
    assert.deepEqual(failureOf(created), { kind: "Refused", diskUri: diskUri("pvc-1") });
    assert.equal(model.world.disks.size, 0);
  });

  it("is sent again no sooner than a refusal asks for, whatever its status", async () => {
    const { clock, model, cloud } = anAzure();
    const disk = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    const effect: FaultEffect = { kind: "Error", status: 503, code: "ServerBusy", retryAfterS: 30 };
    model.faults.add({ operation: "Disks_Update", times: 1, effect });
    const sentAtMs: number[] = [];
    const growth = {
      diskUri: disk.diskUri,
      sizeGiB: 128,
      precondition: async () => sentAtMs.push(clock.elapsedMs()) > 0,
    };
    assert.deepEqual(valueOf(await settledOn(clock, cloud.resizeDisk(growth, never))), { sizeGiB: 128 });
    const [first = 0, second = 0, ...others] = sentAtMs;
    assert.deepEqual([others, Math.floor((second - first) / 1000)], [[], 30]);
  });

  for (const [call, operation] of [
    ["deleteDisk", "Disks_Delete"],
    ["resizeDisk", "Disks_Update"],
  ] as const)
    it(`means no disk that took the name while ${call} waited for its turn`, async () => {
      const { clock, model, cloud } = anAzure();
      const of = { precondition: mayAlways };
      const pvc1 = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
      const other = valueOf(
        await settledOn(clock, cloud.createDisk(aDiskRequest({ diskName: "pvc-2" }), never)),
      );
      // Azure asks all requests of that kind to wait.
      model.faults.add({ operation, times: 1, effect: THROTTLED });
      const { diskUri: uri, uniqueId } = pvc1;
      const send = (disk: { diskUri: string; uniqueId?: string | undefined }): Promise<Result<unknown>> =>
        call === "deleteDisk"
          ? cloud.deleteDisk({ ...disk, ...of }, never)
          : cloud.resizeDisk({ ...disk, sizeGiB: 128, ...of }, never);
      const first = send({ diskUri: other.diskUri });
      await clock.advance(1_000);
      const meant = send({ diskUri: uri, uniqueId });
      await clock.advance(10_000);
      const disk = findDisk(model.world, uri) ?? assert.fail("no disk");
      putDisk(model.world, { ...disk, uniqueId: "made-again" });
      valueOf(await settledOn(clock, first));
      assert.equal(failureOf(await settledOn(clock, meant)).kind, "Refused");
      const kept = findDisk(model.world, uri);
      assert.deepEqual([kept?.uniqueId, kept?.spec.sizeGiB], ["made-again", 64]);
    });

  it("attaches no disk that took the name while the VM was busy", async () => {
    const slow = { medianMs: 120_000, p99Ms: 120_000, perDiskMs: 300 };
    const latencies = { ...DEFAULT_LATENCIES, attach: slow };
    const { clock, model, cloud, addNode, attach } = anAzure({ model: { latencies } });
    const node = addNode("node-a");
    const create = async (diskName: string): Promise<DiskFacts> =>
      valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest({ diskName }), never)));
    const other = await create("pvc-2");
    const { diskUri: uri, uniqueId } = await create("pvc-1");
    const first = attach(other.diskUri, node);
    await clock.advance(5_000);
    const meant = cloud.attachDisk(
      { diskUri: uri, uniqueId, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
      never,
    );
    await clock.advance(60_000);
    const disk = findDisk(model.world, uri) ?? assert.fail("no disk");
    putDisk(model.world, { ...disk, uniqueId: "made-again" });
    valueOf(await settledOn(clock, first));
    assert.equal(failureOf(await settledOn(clock, meant)).kind, "Refused");
    const listed = [...model.world.virtualMachines.values()].flatMap(({ dataDisks }) => dataDisks);
    assert.deepEqual(
      listed.map(({ diskId }) => diskId),
      [other.diskUri],
    );
  });

  it("is not sent where Azure no longer says which disk has the name", async () => {
    const { clock, model, cloud } = anAzure();
    const { diskUri: uri, uniqueId } = valueOf(
      await settledOn(clock, cloud.createDisk(aDiskRequest(), never)),
    );
    model.faults.add({
      operation: "Disks_Delete",
      times: 1,
      effect: { kind: "Error", status: 500, code: "InternalServerError" },
    });
    let asked = 0;
    const precondition = (): Promise<boolean> => {
      asked += 1;
      model.faults.add({ operation: "Disks_Get", effect: { kind: "Error", status: 403, code: "Forbidden" } });
      return mayAlways();
    };
    const deleted = await settledOn(clock, cloud.deleteDisk({ diskUri: uri, uniqueId, precondition }, never));
    assert.deepEqual([failureOf(deleted).kind, asked], ["CloudUnauthorized", 1]);
    assert.ok(findDisk(model.world, uri) !== undefined);
  });

  it("is not sent again while Azure still works on it", async () => {
    const slow = { medianMs: 7_200_000, p99Ms: 7_200_000 };
    const { clock, model, cloud } = anAzure({
      model: { latencies: { ...DEFAULT_LATENCIES, diskCreate: slow } },
    });
    const created = await settledOn(clock, cloud.createDisk(aDiskRequest(), never));
    assert.match(JSON.stringify(failureOf(created)), /CloudUnavailable.*still runs after 900 s/u);
    const puts = model.journal.since(0).filter(({ method }) => method === "PUT");
    assert.deepEqual([puts.length, Math.floor(clock.elapsedMs() / 1000)], [1, 900]);
  });

  it("has made no disk as long as Azure works on it, however often it is asked for", async () => {
    const slow = { medianMs: 7_200_000, p99Ms: 7_200_000 };
    const { clock, model, cloud } = anAzure({
      model: { latencies: { ...DEFAULT_LATENCIES, diskCreate: slow } },
    });
    for (let call = 1; clock.elapsedMs() < 6_000_000; call += 1) {
      const created = await settledOn(clock, cloud.createDisk(aDiskRequest(), never));
      assert.equal(isRetryable(failureOf(created)), true, `call ${call}: ${JSON.stringify(created)}`);
    }
    const created = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    assert.deepEqual([created.state, model.world.disks.size], ["Succeeded", 1]);
  });

  it("has made a disk that a VM has, also while an operation on it does not end", async () => {
    const { clock, model, cloud } = anAzure();
    const { diskUri: uri } = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    const disk = findDisk(model.world, uri) ?? assert.fail("no disk");
    const owners = [{ vmId: `${uri.slice(0, uri.indexOf("/disks/"))}/virtualMachines/vm-1`, vmGuid: "1" }];
    putDisk(model.world, { ...disk, owners, provisioningState: "Updating" });
    // As for an object from a backup that is older than the disk.
    const { attachedTo } = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    assert.equal(attachedTo.length, 1);
  });

  it("says what to do about a disk that no node had, and whose operation does not end", async () => {
    const { clock, model, cloud } = anAzure();
    const { diskUri: uri } = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    const disk = findDisk(model.world, uri) ?? assert.fail("no disk");
    putDisk(model.world, { ...disk, provisioningState: "Updating" });
    const failure = failureOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    assert.equal(isRetryable(failure), true);
    assert.ok(
      describeFailure(failure).includes(
        `${uri} is still Updating. If that does not end, change a tag of the disk in Azure, which begins`,
      ),
      describeFailure(failure),
    );
  });

  it("has not ended where a disk only shows what a running operation is to make", async () => {
    const { clock, model, cloud } = anAzure();
    const { diskUri: uri } = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    const disk = findDisk(model.world, uri);
    assert.ok(disk !== undefined);
    putDisk(model.world, { ...disk, provisioningState: "Updating" });
    const change = { skuName: disk.spec.sku.name };
    const request = { diskUri: uri, change, precondition: mayAlways };
    const { state } = valueOf(await settledOn(clock, cloud.updateDisk(request, never)));
    const writes = model.journal.since(0).filter(({ method }) => method === "PATCH");
    assert.deepEqual([state, writes.length], ["Succeeded", 1]);
  });

  it("deletes a disk that a read does not find, which Azure's regions may show late", async () => {
    const { clock, model, cloud } = anAzure();
    valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    const effect: FaultEffect = { kind: "Error", status: 404, code: "ResourceNotFound", message: NOT_THERE };
    model.faults.add({ operation: "Disks_Get", effect });
    const deletion = { diskUri: diskUri("pvc-1"), precondition: mayAlways };
    valueOf(await settledOn(clock, cloud.deleteDisk(deletion, never)));
    assert.equal(model.world.disks.size, 0);
    // One that is gone, too: Azure answers 204.
    valueOf(await settledOn(clock, cloud.deleteDisk(deletion, never)));
  });

  it("has made a disk that a read does not show yet: it is asked for again, and found", async () => {
    const { clock, model, cloud } = anAzure();
    // Without polls the disk itself shows the end, and is read once more.
    model.faults.add({
      operation: "Operations_Get",
      effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
    });
    const hidden: FaultEffect = { kind: "Error", status: 404, code: "ResourceNotFound", message: NOT_THERE };
    model.faults.add({ operation: "Disks_Get", nth: 3, times: 1, effect: hidden });
    const first = await settledOn(clock, cloud.createDisk(aDiskRequest(), never));
    assert.equal(model.world.disks.size, 1);
    assert.equal(isRetryable(failureOf(first)), true, JSON.stringify(first));
    const second = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    assert.equal(second.diskUri, diskUri("pvc-1"));
  });

  const ends: readonly {
    readonly because: string;
    readonly effects: readonly FaultEffect[];
    readonly asked: readonly string[];
  }[] = [
    {
      because: "also where a 429 is repeated",
      effects: [THROTTLED, OVER_QUOTA],
      asked: ["sent", "over", "sent", "over"],
    },
    {
      because: "and not for one without an answer",
      effects: [{ kind: "DropRequest" }, OVER_QUOTA],
      asked: ["sent", "sent", "over"],
    },
  ];
  for (const { because, effects, asked } of ends)
    it(`reports each request that is over, ${because}`, async () => {
      const { clock, model, cloud } = anAzure();
      const disk = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
      for (const effect of effects) model.faults.add({ operation: "Disks_Update", times: 1, effect });
      const seen: string[] = [];
      const growth = {
        diskUri: disk.diskUri,
        sizeGiB: 128,
        precondition: async () => seen.push("sent") > 0,
        onOver: async () => void seen.push("over"),
      };
      assert.equal(
        failureOf(await settledOn(clock, cloud.resizeDisk(growth, never))).kind,
        "ChangeOverQuota",
      );
      assert.deepEqual(seen, asked);
    });
});
