import assert from "node:assert/strict";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import type { CloudProvisioner } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  type CloudUnderTest,
  addDisk,
  addVm,
  failureOf,
  isOperation,
  mayAlways,
  never,
  setLatency,
  vmAt,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

const REIMAGE_MS = 300_000;

/** A node whose disk is to be detached. */
interface Victim {
  readonly node: NodeIdentity;
  readonly diskUri: string;
}

/**
 * Declares the tests of another client's reimage right after an update of the provisioner. A reimage has no
 * mark of its own, and the VM may not be read between the two. No forced detach may interrupt it.
 */
export function fenceDuringReimageContract(on: On): void {
  for (const how of ["fences", "detaches"] as const)
    on(`${how} after its own detach failed, once a foreign reimage has ended`, async (cloud) => {
      const victim = await aVictim(cloud);
      const failing = cloud.model.faults.add({
        operation: cloud.vms.operation("Update"),
        effect: { kind: "FailOperation", code: "DetachFailed" },
      });
      assert.equal(failureOf(await cloud.run(detaching(cloud.provisioner, victim))).kind, "CloudRejected");
      cloud.model.faults.remove(failing.id);
      reimage(cloud);
      await takenOff(cloud, victim, how);
      assertReimaged(cloud);
    });

  for (const refused of [false, true])
    on(
      `waits for a foreign reimage right after its own attach${refused ? ", with polls refused" : ""}`,
      async (cloud) => {
        const victim = await aVictim(cloud);
        const other = { ...victim, diskUri: await addDisk(cloud, "pvc-2") };
        if (refused)
          cloud.model.faults.add({
            operation: "Operations_Get",
            effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
          });
        const attaching = attach(cloud.provisioner, other);
        await cloud.until(
          () =>
            vmAt(cloud, "node-a").dataDisks.length === 2 &&
            vmAt(cloud, "node-a").provisioningState === "Succeeded",
        );
        reimage(cloud);
        await takenOff(cloud, victim, "fences");
        assertReimaged(cloud);
        const attached = await cloud.run(attaching);
        // Five minutes of reads may use up the budget.
        if (!attached.ok) assert.equal(attached.failure.kind, "Throttled", JSON.stringify(attached.failure));
      },
    );
}

async function aVictim(cloud: CloudUnderTest): Promise<Victim> {
  const node = addVm(cloud, "node-a");
  const victim = { node, diskUri: await addDisk(cloud, "pvc-1") };
  valueOf(await cloud.run(attach(cloud.provisioner, victim)));
  return victim;
}

/**
 * Another client reimages the VM, which takes longer than any patience with a detach. Its guest does not
 * respond, so a fence would force at once.
 */
function reimage(cloud: CloudUnderTest): void {
  setLatency(cloud, "vmReimage", REIMAGE_MS);
  cloud.model.world.settings = { ...cloud.model.world.settings, forcedDuringReimage: "breaks" };
  const answer = cloud.model.handle({
    method: "POST",
    path: `${cloud.vms.uri("node-a")}/reimage`,
    query: { "api-version": "2025-04-01" },
  });
  assert.equal(answer.status, 202);
  putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
}

/** Detaches the disk as callers do: they repeat the call for as long as the foreign update lasts. */
async function takenOff(cloud: CloudUnderTest, victim: Victim, how: "fences" | "detaches"): Promise<void> {
  for (let isOff = false; !isOff;) {
    const request = { ...victim, precondition: mayAlways };
    const asked =
      how === "fences"
        ? cloud.provisioner.barrier({ ...request, mode: "fence" }, never)
        : detaching(cloud.provisioner, victim);
    const answer = await cloud.run<Awaited<typeof asked>>(asked);
    if (!answer.ok) assert.equal(answer.failure.kind, "CloudUnavailable", JSON.stringify(answer.failure));
    isOff = answer.ok;
  }
}

/** The reimage has ended before any forced detach, and the VM came back well. */
function assertReimaged(cloud: CloudUnderTest): void {
  const reimages = [...cloud.model.world.operations.values()].filter(({ name }) =>
    isOperation({ operation: name }, cloud.vms.operation("Reimage")),
  );
  assert.deepEqual(
    [reimages.map(({ status }) => status), vmAt(cloud, "node-a").agentReachable],
    [["Succeeded"], true],
  );
  const forced = vmWrites(cloud).filter(({ body }) => JSON.stringify(body).includes("ForceDetach"));
  for (const { atMs } of forced)
    assert.ok(atMs >= (reimages[0]?.endedAtMs ?? Infinity), `forced at ${atMs} ms`);
}

function attach(
  provisioner: CloudProvisioner,
  { node, diskUri }: Victim,
): ReturnType<CloudProvisioner["attachDisk"]> {
  return provisioner.attachDisk(
    { diskUri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
    never,
  );
}

function detaching(
  provisioner: CloudProvisioner,
  { node, diskUri }: Victim,
): ReturnType<CloudProvisioner["detachDisk"]> {
  return provisioner.detachDisk({ diskUri, node, lane: "detach", precondition: mayAlways }, never);
}
