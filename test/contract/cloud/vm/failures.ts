import assert from "node:assert/strict";
import { describe } from "node:test";
import { describeFailure } from "../../../../src/core/failure/describe-failure.ts";
import { ok } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import {
  aDiskRequest,
  addDisk,
  addVm,
  callsOf,
  changeFromOutside,
  diskUri,
  disksOn,
  failureOf,
  mayAlways,
  never,
  slowDownAttaches,
  vmAt,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, attaching, detaching, mayNever } from "../cloud-suite.ts";

/** Failures of Azure, and what is tried again. */
export function failuresContract(on: On): void {
  describe("failures", () => {
    on("attaches once although the response to the write is lost", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      cloud.model.faults.add({
        operation: cloud.vms.operation("Update"),
        times: 1,
        effect: { kind: "DropResponse" },
      });
      assert.equal(await attach(cloud, uri, node), 0);
      assert.equal(vmWrites(cloud).length, 1);
    });

    on("names the action that its role in Azure lacks, and changes nothing", async (cloud) => {
      const { settings } = cloud.model.world;
      const actions = ["Microsoft.Compute/disks/read", "Microsoft.Compute/disks/write"];
      cloud.model.world.settings = { ...settings, permissions: { "*": actions } };
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      const refused = await cloud.run(
        cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never),
      );
      const failure = failureOf(refused);
      assert.equal(failure.kind, "CloudUnauthorized");
      assert.match(
        describeFailure(failure),
        /grant Microsoft\.Compute\/disks\/delete on .*\/disks\/pvc-1 to/u,
      );
      assert.notEqual(cloud.model.world.disks.size, 0);
      cloud.model.world.settings = { ...settings, deniedActions: ["Microsoft.Compute/*/write"] };
      const denied = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node })));
      assert.match(describeFailure(denied), /a deny assignment forbids it/u);
      assert.deepEqual(disksOn(cloud, "node-a"), []);
    });

    on("names the policy that forbids a disk, and the disk, and creates none", async (cloud) => {
      const { settings } = cloud.model.world;
      const policy = { action: "*/disks/write", property: "sku.name", equals: "Premium_LRS" };
      const policies = [{ ...policy, name: "No premium disks" }];
      cloud.model.world.settings = { ...settings, policies };
      const failure = failureOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(), never)));
      assert.equal(failure.kind, "CloudUnauthorized");
      assert.match(
        describeFailure(failure),
        /the Azure policy "No premium disks" forbids "pvc-1" as it was requested/u,
      );
      assert.equal(cloud.model.world.disks.size, 0);
    });

    on("names the quota that a disk would exceed, and creates none", async (cloud) => {
      const { settings } = cloud.model.world;
      cloud.model.world.settings = { ...settings, quotas: { PremiumDiskCount: 0 } };
      const failure = failureOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(), never)));
      assert.equal(failure.kind, "QuotaExceeded");
      assert.match(describeFailure(failure), /exceeding approved PremiumDiskCount quota/u);
      assert.equal(cloud.model.world.disks.size, 0);
    });

    on("attaches although the request itself is lost", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      cloud.model.faults.add({
        operation: cloud.vms.operation("Update"),
        times: 1,
        effect: { kind: "DropRequest" },
      });
      assert.equal(await attach(cloud, uri, node), 0);
    });

    on("attaches although polls are lost", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      cloud.model.faults.add({ operation: "Operations_Get", times: 2, effect: { kind: "DropRequest" } });
      assert.equal(await attach(cloud, uri, node), 0);
      assert.equal(vmWrites(cloud).length, 1);
    });

    on("attaches although the service is down for a while", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      cloud.model.faults.add({
        operation: cloud.vms.operation("*"),
        times: 3,
        effect: { kind: "Error", status: 503, code: "ServiceUnavailable" },
      });
      assert.equal(await attach(cloud, uri, node), 0);
    });

    on("forces a hanging detach, so that an attach behind it completes", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const [hanging, behind] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
      await attach(cloud, hanging, node);
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
      const detached = detaching(cloud.provisioner, { diskUri: hanging, node });
      await cloud.until(() => vmWrites(cloud, "node-a").length === 2);
      const attached = attaching(cloud.provisioner, { diskUri: behind, node });
      valueOf(await cloud.run(detached));
      valueOf(await cloud.run(attached));
      assert.deepEqual(
        disksOn(cloud, "node-a").map((disk) => disk.split("@")[0]),
        ["pvc-2"],
      );
    });

    for (const [forcePrecondition, becomes] of [
      [mayAlways, "forces a hanging detach of a disk, and attaches the disk again"],
      [mayNever, "waits out its patience for a hanging detach of a disk that must not be forced"],
    ] as const) {
      on(becomes, async (cloud) => {
        const node = addVm(cloud, "node-a");
        const uri = await addDisk(cloud, "pvc-1");
        await attach(cloud, uri, node);
        putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
        const others = new AbortController();
        const abandoned = detaching(cloud.provisioner, { diskUri: uri, node }, others.signal);
        await cloud.until(() => vmWrites(cloud, "node-a").length === 2);
        others.abort(new Error("not ours"));
        await cloud.run(abandoned);
        const attached = await cloud.run(
          attaching(cloud.another(), { diskUri: uri, node, forcePrecondition }),
        );
        if (forcePrecondition === mayAlways) return assert.deepEqual(attached, ok({ lun: 0 }));
        assert.deepEqual(
          [failureOf(attached).kind, vmWrites(cloud, "node-a").length, disksOn(cloud, "node-a").length],
          ["CloudUnavailable", 2, 1],
        );
      });
    }

    on("takes over a detach that an earlier instance left hanging", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      await attach(cloud, uri, node);
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
      const earlier = new AbortController();
      const abandoned = detaching(cloud.provisioner, { diskUri: uri, node }, earlier.signal);
      await cloud.until(() => vmWrites(cloud, "node-a").length === 2);
      earlier.abort(new Error("restarted"));
      assert.equal(failureOf(await cloud.run(abandoned)).kind, "Cancelled");
      valueOf(await cloud.run(detaching(cloud.another(), { diskUri: uri, node })));
      assert.deepEqual(disksOn(cloud, "node-a"), []);
    });

    on("fails as Throttled at once if the wait would exceed its patience", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
      cloud.model.faults.add({
        operation: cloud.vms.operation("Update"),
        times: 1,
        effect: { kind: "Error", status: 429, code: "OperationNotAllowed", retryAfterS: 3600 },
      });
      const startedMs = cloud.elapsedMs();
      for (const uri of [first, second]) {
        const failure = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node })));
        assert.ok(failure.kind === "Throttled" && failure.retryAfterMs > 3_000_000, JSON.stringify(failure));
      }
      assert.ok(cloud.elapsedMs() - startedMs < AT_ONCE_MAX_MS);
      assert.equal(callsOf(cloud, cloud.vms.operation("Update")).length, 1);
    });

    on("waits for Retry-After when it is throttled", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      cloud.model.faults.add({
        operation: cloud.vms.operation("Update"),
        times: 1,
        effect: { kind: "Error", status: 429, code: "OperationNotAllowed", retryAfterS: 1 },
      });
      assert.equal(await attach(cloud, uri, node), 0);
      const [refused, accepted] = callsOf(cloud, cloud.vms.operation("Update"));
      assert.ok((accepted?.atMs ?? 0) - (refused?.atMs ?? 0) >= 1000, "retried before Retry-After was over");
      assert.deepEqual(
        callsOf(cloud, cloud.vms.operation("Update")).map((entry) => entry.status),
        [429, 200],
      );
    });

    on("keeps Azure's code and request id in the failure", async (cloud) => {
      const node = addVm(cloud, "node-a", { zone: "1" });
      const uri = await addDisk(cloud, "pvc-1", { zone: "2" });
      const failure = failureOf(await cloud.run(attaching(cloud.provisioner, { diskUri: uri, node })));
      assert.equal(failure.kind, "CloudRejected");
      assert.equal(failure.code, "BadRequest");
      assert.match(failure.message, /not in the same zone/);
      assert.equal(failure.requestId, callsOf(cloud, cloud.vms.operation("Update")).at(-1)?.requestId);
      const gone = failureOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: diskUri("none") }, never)));
      const requestId = callsOf(cloud, "Disks_Get").at(-1)?.requestId;
      assert.deepEqual(gone, {
        kind: "DiskNotFound",
        diskUri: diskUri("none"),
        azure: { code: "ResourceNotFound", requestId },
      });
    });

    on("fails only the disk that Azure rejects in a batch", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const names = ["pvc-1", "pvc-2", "pvc-3", "pvc-4"];
      const uris: string[] = [];
      for (const disk of names) uris.push(await addDisk(cloud, disk));
      cloud.model.faults.add({
        operation: cloud.vms.operation("Update"),
        disk: diskUri("pvc-3"),
        effect: { kind: "FailOperation", code: "DiskBroken", message: "Something is wrong." },
      });
      const answers = await cloud.run(
        Promise.all(uris.map((uri) => attaching(cloud.provisioner, { diskUri: uri, node }))),
      );
      assert.deepEqual(
        answers.map((answer) => (answer.ok ? "attached" : answer.failure.kind)),
        ["attached", "attached", "CloudRejected", "attached"],
      );
      assert.deepEqual(
        new Set(disksOn(cloud, "node-a").map((disk) => disk.split("@")[0])),
        new Set(["pvc-1", "pvc-2", "pvc-4"]),
      );
    });

    on("waits for another client's update, then does its own", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      assert.equal(changeFromOutside(cloud, "node-a"), 200);
      assert.equal(await attach(cloud, uri, node), 0);
      assert.equal(
        callsOf(cloud, cloud.vms.operation("Update")).filter((entry) => entry.status === 409).length,
        0,
      );
    });

    on("starts again when a newer update replaces its own", async (cloud) => {
      cloud.model.world.settings = { ...cloud.model.world.settings, concurrentVmWrite: "preempt" };
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      slowDownAttaches(cloud);
      const attached = attaching(cloud.provisioner, { diskUri: uri, node });
      await cloud.until(() => vmWrites(cloud).length === 1);
      changeFromOutside(cloud, "node-a");
      assert.deepEqual(valueOf(await cloud.run(attached)), { lun: 0 });
      assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
    });

    on("finds an attach that an earlier instance left in flight, and does not repeat it", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      slowDownAttaches(cloud);
      const earlier = attaching(cloud.another(), { diskUri: uri, node });
      await cloud.until(() => vmWrites(cloud).length === 1);
      assert.equal(await attach(cloud, uri, node), 0);
      valueOf(await cloud.run(earlier));
      assert.equal(callsOf(cloud, cloud.vms.operation("Update")).length, 1);
    });

    on("serves the rest of its batch when one caller cancels", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const [opener, first, second] = [
        await addDisk(cloud, "pvc-0"),
        await addDisk(cloud, "pvc-1"),
        await addDisk(cloud, "pvc-2"),
      ];
      slowDownAttaches(cloud);
      const opening = attaching(cloud.provisioner, { diskUri: opener, node });
      await cloud.until(() => vmWrites(cloud).length === 1);
      const impatient = new AbortController();
      const givenUp = attaching(cloud.provisioner, { diskUri: first, node }, impatient.signal);
      const patient = attaching(cloud.provisioner, { diskUri: second, node });
      await cloud.until(() => vmWrites(cloud).length === 2);
      impatient.abort(new Error("deadline"));
      assert.deepEqual(failureOf(await cloud.run(givenUp)), { kind: "Cancelled" });
      assert.equal((await cloud.run(patient)).ok, true);
      valueOf(await cloud.run(opening));
      // The update continued: the next call finds it.
      assert.equal((await cloud.run(attaching(cloud.provisioner, { diskUri: first, node }))).ok, true);
      assert.equal(vmWrites(cloud).length, 2);
    });

    on("never writes a request that was cancelled while it waited", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const [first, second] = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
      slowDownAttaches(cloud);
      const opening = attaching(cloud.provisioner, { diskUri: first, node });
      await cloud.until(() => vmWrites(cloud).length === 1);
      const impatient = new AbortController();
      const waiting = attaching(cloud.provisioner, { diskUri: second, node }, impatient.signal);
      impatient.abort(new Error("deadline"));
      assert.deepEqual(failureOf(await cloud.run(waiting)), { kind: "Cancelled" });
      valueOf(await cloud.run(opening));
      await cloud.run(cloud.provisioner.drained());
      assert.deepEqual(disksOn(cloud, "node-a"), ["pvc-1@0"]);
    });
  });
}

/** For what happens at once, on a busy machine, in milliseconds. A patient caller would wait an hour. */
const AT_ONCE_MAX_MS = 60_000;
