import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Result, fail, ok } from "../../src/core/failure/result.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type {
  ArmAnswer,
  ArmApi,
  ArmDataDisk,
  ArmDisk,
  ArmDiskSpec,
  ArmError,
  ArmOperation,
  ArmVm,
} from "../../src/provisioner/arm/arm-api.ts";
import { ownError } from "../../src/provisioner/arm/arm-error.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, diskUri, never } from "./worlds/cloud-bench.ts";

/**
 * An `ArmApi` to test against the contract, on a cloud whose operations end by their first poll; it has VMs
 * `node-a` and `node-b` in zone 1, and a uniform scale set `pool` with instance 68.
 */
export interface ArmUnderTest {
  readonly arm: ArmApi;
  readonly model: ComputeModel;
  close(): Promise<void>;
}

/** How long an operation may take on a busy machine, in milliseconds of real time. */
const PATIENCE_MS = 60_000;
const clientRequestId = "correlation-1";
const group = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, clientRequestId };
const named = (name: string): typeof group & { name: string } => ({ ...group, name });

const aDisk = (changes: Partial<ArmDiskSpec> = {}): ArmDiskSpec => ({
  location: LOCATION,
  zones: ["1"],
  tags: {},
  skuName: "Premium_LRS",
  diskSizeGB: 64,
  maxShares: 1,
  ...changes,
});

/**
 * Declares the tests that every `ArmApi` passes, the SDK's and the model's: each method, its answer, and
 * its refusals.
 */
export function armApiContract(name: string, makeArm: () => Promise<ArmUnderTest>): void {
  describe(`ArmApi: ${name}`, () => {
    let under: ArmUnderTest;
    let arm: ArmApi;
    before(async () => {
      under = await makeArm();
      arm = under.arm;
    });
    after(() => under.close());

    const finish = async (started: ArmAnswer<ArmOperation>): Promise<Result<void, ArmError>> => {
      assert.ok(started.result.ok, JSON.stringify(started.result));
      let operation = started.result.value;
      const endsMs = performance.now() + PATIENCE_MS;
      while (operation.pollUrl !== undefined) {
        assert.ok(performance.now() < endsMs, `the operation has not ended within ${PATIENCE_MS / 1_000} s`);
        const polled = await arm.pollOperation({ operation, clientRequestId }, never);
        assert.ok(polled.result.ok, JSON.stringify(polled.result));
        const status = polled.result.value;
        if (status.state === "succeeded") break;
        if (status.state !== "running") return { ok: false, failure: status.error };
        operation = status.operation;
      }
      return { ok: true, value: undefined };
    };
    const done = async (started: Promise<ArmAnswer<ArmOperation>>): Promise<void> => {
      const ended = await finish(await started);
      assert.ok(ended.ok, JSON.stringify(ended));
    };
    const disk = async (diskName: string): Promise<ArmDisk> =>
      valueOf(await arm.getDisk(named(diskName), never));
    const vm = async (vmName: string): Promise<ArmVm> =>
      valueOf(await arm.getVm({ ...named(vmName), instanceView: true }, never));
    const createDisk = (diskName: string, changes: Partial<ArmDiskSpec> = {}): Promise<void> =>
      done(arm.startDiskCreateOrUpdate({ ...named(diskName), disk: aDisk(changes) }, never));

    it("creates a disk, changes its mutable properties, and deletes it", async () => {
      const traits = {
        diskIOPSReadWrite: 4000,
        diskMBpsReadWrite: 200,
        networkAccessPolicy: "DenyAll",
        publicNetworkAccess: "Disabled",
      };
      await createDisk("v2", {
        skuName: "PremiumV2_LRS",
        logicalSectorSize: 512,
        tags: { a: "b" },
        ...traits,
      });
      const { properties } = JSON.parse(
        JSON.stringify(
          under.model.handle({ method: "GET", path: diskUri("v2"), query: { "api-version": "2025-01-02" } })
            .body,
        ),
      ) as {
        properties: Record<string, unknown> & { creationData: Record<string, unknown> };
      };
      for (const [trait, value] of Object.entries(traits)) assert.equal(properties[trait], value, trait);
      assert.equal(properties.creationData["logicalSectorSize"], 512);
      await done(
        arm.startDiskUpdate(
          { ...named("v2"), change: { diskSizeGB: 128, diskIOPSReadWrite: 5000, tags: { c: "d" } } },
          never,
        ),
      );
      const changed = await disk("v2");
      assert.deepEqual(
        [changed.diskSizeGB, changed.tags, changed.skuName],
        [128, { c: "d" }, "PremiumV2_LRS"],
      );
      await createDisk("premium", { maxShares: 2 });
      await done(arm.startDiskUpdate({ ...named("premium"), change: { skuName: "StandardSSD_LRS" } }, never));
      assert.deepEqual(
        [(await disk("premium")).skuName, (await disk("premium")).maxShares],
        ["StandardSSD_LRS", 2],
      );
      for (const diskName of ["v2", "premium"]) await done(arm.startDiskDelete(named(diskName), never));
      assert.equal(failureOf(await arm.getDisk(named("v2"), never)).code, "ResourceNotFound");
      await done(arm.startDiskDelete(named("v2"), never));
    });

    it("copies a disk; makes, restores, lists and deletes both kinds of snapshot", async () => {
      await createDisk("source");
      const { uniqueId: sourceUniqueId } = await disk("source");
      assert.ok(sourceUniqueId !== undefined);
      await createDisk("copy", { sourceId: diskUri("source"), diskSizeGB: undefined });
      const copy = await disk("copy");
      assert.deepEqual(
        [copy.diskSizeGB, copy.sourceId, copy.completionPercent],
        [64, diskUri("source"), undefined],
      );
      for (const [snapshotName, incremental] of [
        ["incremental", true],
        ["full", false],
        ["third", true],
      ] as const) {
        const snapshot = {
          location: LOCATION,
          tags: { of: "source" },
          sourceId: diskUri("source"),
          createOption: "Copy" as const,
          incremental,
        };
        await done(arm.startSnapshotCreate({ ...named(snapshotName), snapshot }, never));
        const { id: _id, timeCreated, ...rest } = valueOf(await arm.getSnapshot(named(snapshotName), never));
        assert.match(timeCreated, /^\d{4}-\d\d-\d\dT/);
        assert.deepEqual(rest, {
          name: snapshotName,
          location: LOCATION,
          tags: { of: "source" },
          diskSizeGB: 64,
          diskSizeBytes: 64 * 1024 ** 3,
          incremental,
          sourceId: diskUri("source"),
          sourceUniqueId,
          logicalSectorSize: undefined,
          provisioningState: "Succeeded",
          completionPercent: undefined,
          accessState: "Available",
          copyError: undefined,
        });
      }
      const { id } = valueOf(await arm.getSnapshot(named("incremental"), never));
      await createDisk("restored", { sourceId: id, diskSizeGB: 128 });
      assert.equal((await disk("restored")).diskSizeGB, 128);
      assert.deepEqual(
        valueOf(await arm.listSnapshots(group, never)).map((snapshot) => snapshot.name),
        ["full", "incremental", "third"],
      );
      const elsewhere = {
        location: "westus",
        tags: {},
        sourceId: id,
        createOption: "CopyStart" as const,
        incremental: true,
      };
      await done(arm.startSnapshotCreate({ ...named("elsewhere"), snapshot: elsewhere }, never));
      assert.equal(
        typeof valueOf(await arm.getSnapshot(named("elsewhere"), never)).completionPercent,
        "number",
      );
      for (const snapshotName of ["incremental", "full", "third", "elsewhere"])
        await done(arm.startSnapshotDelete(named(snapshotName), never));
      assert.deepEqual(valueOf(await arm.listSnapshots(group, never)), []);
      const smaller = await arm.startDiskCreateOrUpdate(
        { ...named("smaller"), disk: aDisk({ sourceId: diskUri("source"), diskSizeGB: 4 }) },
        never,
      );
      assert.ok([400, 409].includes(failureOf(smaller).statusCode));
    });

    it("attaches and detaches by the VM's list of disks, and shows them", async () => {
      await createDisk("data");
      const entry = {
        lun: 5,
        createOption: "Attach",
        managedDisk: { id: diskUri("data") },
        caching: "ReadOnly",
      };
      const update = async (vmName: string, dataDisks: readonly ArmDataDisk[]) =>
        arm.startVmUpdate(
          { ...named(vmName), change: { dataDisks }, ifMatch: (await vm(vmName)).etag },
          never,
        );
      await done(update("node-a", [entry]));
      const attached = (await vm("node-a")).dataDisks;
      assert.deepEqual(
        attached.map(({ lun, name: diskName, caching, toBeDetached }) => ({
          lun,
          diskName,
          caching,
          toBeDetached,
        })),
        [{ lun: 5, diskName: "data", caching: "ReadOnly", toBeDetached: false }],
      );
      assert.match((await disk("data")).managedBy ?? "", /\/virtualMachines\/node-a$/);
      assert.equal(failureOf(await update("node-b", [entry])).code, "ConflictingUserInput");
      const leaving = attached.map((shown) => ({
        ...shown,
        toBeDetached: true,
        detachOption: "ForceDetach",
      }));
      await done(update("node-a", leaving));
      assert.deepEqual((await vm("node-a")).dataDisks, []);
    });

    it("updates a VM only under its present ETag", async () => {
      const { etag, tags } = await vm("node-a");
      const marked = await arm.startVmUpdate(
        { ...named("node-a"), change: { tags: { ...tags, mark: "1" } }, ifMatch: etag },
        never,
      );
      // Azure names no operation of such an update, and its answer shows that the VM is still at work.
      assert.ok(marked.result.ok);
      assert.deepEqual([marked.result.value.pollUrl, marked.result.value.isUntold], [undefined, true]);
      const late = await arm.startVmUpdate({ ...named("node-a"), change: {}, ifMatch: etag }, never);
      assert.deepEqual([failureOf(late).statusCode, failureOf(late).code], [412, "PreconditionFailed"]);
      assert.deepEqual((await vm("node-a")).tags, { mark: "1" });
    });

    it("reads and updates an instance of a uniform scale set", async () => {
      const instance = { ...named("pool_68"), scaleSet: { name: "pool", instanceId: "68" } };
      const read = async (): Promise<ArmVm> =>
        valueOf(await arm.getVm({ ...instance, instanceView: true }, never));
      const { id, name, vmSize, etag, tags, statusCodes } = await read();
      assert.deepEqual([name, vmSize, tags], ["pool_68", "Standard_D8s_v5", {}]);
      assert.match(id, /\/virtualMachineScaleSets\/pool\/virtualMachines\/68$/);
      assert.ok(statusCodes?.includes("PowerState/running"));
      await createDisk("of-instance", { zones: [] });
      const dataDisks = [
        { lun: 2, createOption: "Attach", managedDisk: { id: diskUri("of-instance") }, caching: "None" },
      ];
      await done(arm.startVmUpdate({ ...instance, change: { dataDisks }, ifMatch: etag }, never));
      assert.deepEqual(
        (await read()).dataDisks.map((entry) => [entry.lun, entry.name, entry.toBeDetached]),
        [[2, "of-instance", false]],
      );
      // A disk spells it `pool_68`, which would pass for another VM.
      assert.equal((await disk("of-instance")).managedBy, id);
      const late = failureOf(await arm.startVmUpdate({ ...instance, change: {}, ifMatch: etag }, never));
      assert.deepEqual([late.statusCode, late.code], [412, "PreconditionFailed"]);
    });

    it("answers for an instance and a scale set that are gone", async () => {
      const instance = { ...named("pool_99"), scaleSet: { name: "pool", instanceId: "99" } };
      const inNone = { ...named("none_0"), scaleSet: { name: "none", instanceId: "0" } };
      const read = failureOf(await arm.getVm({ ...instance, instanceView: false }, never));
      assert.deepEqual([read.statusCode, read.code], [404, "ResourceNotFound"]);
      const write = failureOf(await arm.startVmUpdate({ ...instance, change: {}, ifMatch: '"1"' }, never));
      assert.deepEqual(
        [write.statusCode, write.code, write.target],
        [400, "InvalidParameter", "instanceIds"],
      );
      const orphan = failureOf(await arm.getVm({ ...inNone, instanceView: false }, never));
      assert.deepEqual([orphan.statusCode, orphan.code], [404, "ParentResourceNotFound"]);
    });

    it("lists disks over pages, and sizes of VMs", async () => {
      for (const diskName of ["list-1", "list-2", "list-3"]) await createDisk(diskName);
      let pages = 1;
      const nextPage = (): Promise<Result<void, never>> => {
        pages++;
        return Promise.resolve(ok(undefined));
      };
      const listed = valueOf(await arm.listDisks({ ...group, nextPage }, never)).map((each) => each.name);
      assert.equal(pages, Math.ceil(listed.length / 2), "Azure counts each page of two as one call");
      const used = ownError("UsedUp", "no more calls");
      const ended = await arm.listDisks({ ...group, nextPage: () => Promise.resolve(fail(used)) }, never);
      assert.equal(failureOf(ended).code, "UsedUp", "a page that is not admitted ends the list");
      for (const diskName of ["list-1", "list-2", "list-3"]) assert.ok(listed.includes(diskName), diskName);
      assert.equal(new Set(listed).size, listed.length);
      const sizes = valueOf(await arm.listVmSizes({ location: LOCATION, clientRequestId }, never));
      assert.deepEqual(
        sizes.find((size) => size.name === "Standard_D8s_v6"),
        { name: "Standard_D8s_v6", dataDisksMax: 24 },
      );
      const usages = valueOf(await arm.listUsages({ location: LOCATION, clientRequestId }, never));
      assert.deepEqual(
        usages.find((usage) => usage.name === "PremiumV2DiskCount"),
        { name: "PremiumV2DiskCount", current: 0, limit: 1000 },
      );
    });

    for (const [method, call] of Object.entries({
      getDisk: () => arm.getDisk(named("none"), never),
      getSnapshot: () => arm.getSnapshot(named("none"), never),
      getVm: () => arm.getVm({ ...named("none"), instanceView: false }, never),
      startDiskUpdate: () => arm.startDiskUpdate({ ...named("none"), change: { diskSizeGB: 8 } }, never),
      startVmUpdate: () => arm.startVmUpdate({ ...named("none"), change: {}, ifMatch: '"1"' }, never),
      listDisks: () => arm.listDisks({ ...group, resourceGroup: "none" }, never),
      listSnapshots: () => arm.listSnapshots({ ...group, resourceGroup: "none" }, never),
    } satisfies Partial<Record<keyof ArmApi, () => Promise<ArmAnswer<unknown>>>>)) {
      it(`answers a 404 of ${method} as Azure's error, with its request id`, async () => {
        const failure = failureOf(await call());
        assert.deepEqual(
          [failure.statusCode, failure.code.endsWith("NotFound"), failure.requestId !== ""],
          [404, true, true],
          JSON.stringify(failure),
        );
      });
    }

    it("sends every call to the subscription in its arguments", async () => {
      await createDisk("in-one-subscription");
      const elsewhere = {
        ...named("in-one-subscription"),
        subscriptionId: "00000000-0000-0000-0000-00000000beef",
      };
      const calls = [
        arm.getDisk(elsewhere, never),
        arm.listDisks(elsewhere, never),
        arm.listSnapshots(elsewhere, never),
        arm.startDiskUpdate({ ...elsewhere, change: { diskSizeGB: 1024 } }, never),
        arm.getVm({ ...elsewhere, name: "node-a", instanceView: false }, never),
        // Azure answers 204 to the deletion of a missing disk, but not where there is no subscription.
        arm.startDiskDelete(elsewhere, never),
      ];
      for (const call of calls) {
        const { statusCode, code } = failureOf(await call);
        assert.deepEqual([statusCode, code], [404, "SubscriptionNotFound"]);
      }
      valueOf(await arm.startDiskDelete(named("never-made"), never));
      assert.notEqual((await disk("in-one-subscription")).diskSizeGB, 1024);
      const sent = under.model.journal.since(0).filter(({ path }) => path.includes("00000000beef"));
      assert.equal(sent.length, calls.length);
    });

    for (const kind of ["FailOperation", "DropResponse"] as const)
      it(`distinguishes a ${kind === "FailOperation" ? "failed" : "lost"} snapshot from an existing one`, async () => {
        await createDisk(`of-${kind}`);
        const effect =
          kind === "FailOperation"
            ? { kind, code: "InternalExecutionError", message: "An internal execution error occurred." }
            : { kind };
        under.model.faults.add({ operation: "Snapshots_CreateOrUpdate", times: 1, effect });
        const snapshot = {
          location: LOCATION,
          tags: {},
          sourceId: diskUri(`of-${kind}`),
          createOption: "Copy" as const,
          incremental: true,
        };
        const started = await arm.startSnapshotCreate({ ...named(`snap-${kind}`), snapshot }, never);
        if (kind === "DropResponse")
          assert.deepEqual([failureOf(started).statusCode, failureOf(started).code], [0, "NoAnswer"]);
        else {
          const ended = await finish(started);
          assert.ok(!ended.ok);
          assert.deepEqual(
            [ended.failure.code, ended.failure.message],
            ["InternalExecutionError", "An internal execution error occurred."],
          );
        }
      });
  });
}

function valueOf<T>(answer: ArmAnswer<T>): T {
  assert.ok(answer.result.ok, JSON.stringify(answer.result));
  return answer.result.value;
}

function failureOf(answer: ArmAnswer<unknown>): ArmError {
  assert.ok(!answer.result.ok, "expected an error");
  return answer.result.failure;
}
