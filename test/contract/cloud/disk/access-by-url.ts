import assert from "node:assert/strict";
import { describe } from "node:test";
import { describeFailure } from "../../../../src/core/failure/describe-failure.ts";
import { findDisk } from "../../../../src/emulator/model/world.ts";
import {
  type CloudUnderTest,
  addDisk,
  addVm,
  diskUri,
  disksOn,
  failureOf,
  mayAlways,
  never,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, attaching } from "../cloud-suite.ts";

const uri = diskUri("pvc-1");

/** Disks to whose bytes someone has been given access by URL. */
export function accessByUrlContract(on: On): void {
  describe("a disk with an active shared access signature", () => {
    on("is not attached, and the failure says how to end the access", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const other = await addDisk(cloud, "pvc-2");
      await exported(cloud);
      const [refused, attached] = await cloud.run(
        Promise.all([
          attaching(cloud.provisioner, { diskUri: uri, node }),
          attaching(cloud.provisioner, { diskUri: other, node }),
        ]),
      );
      assert.ok(describeFailure(failureOf(refused)).includes(`az disk revoke-access --ids ${uri}`));
      assert.deepEqual([failureOf(refused).kind, attached.ok], ["DiskAccessGranted", true]);
      await call(cloud, "endGetAccess", undefined);
      await attach(cloud, uri, node);
      assert.equal(disksOn(cloud, "node-a").length, 2);
    });

    on("is neither grown nor deleted, for the same reason", async (cloud) => {
      await exported(cloud);
      const before = findDisk(cloud.model.world, uri);
      const grown = cloud.provisioner.resizeDisk(
        { diskUri: uri, sizeGiB: 128, precondition: mayAlways },
        never,
      );
      assert.equal(failureOf(await cloud.run(grown)).kind, "DiskAccessGranted");
      const deleted = cloud.provisioner.deleteDisk({ diskUri: uri, precondition: mayAlways }, never);
      assert.equal(failureOf(await cloud.run(deleted)).kind, "DiskAccessGranted");
      assert.deepEqual(findDisk(cloud.model.world, uri), before);
    });
  });
}

async function exported(cloud: CloudUnderTest): Promise<void> {
  await addDisk(cloud, "pvc-1");
  await call(cloud, "beginGetAccess", { access: "Read", durationInSeconds: 3600 });
}

async function call(
  cloud: CloudUnderTest,
  action: "beginGetAccess" | "endGetAccess",
  body: Parameters<typeof cloud.model.handle>[0]["body"],
): Promise<void> {
  const { status } = cloud.model.handle({
    method: "POST",
    path: `${uri}/${action}`,
    query: { "api-version": "2025-01-02" },
    ...(body === undefined ? {} : { body }),
  });
  assert.equal(status, 202);
  await cloud.until(
    () => (findDisk(cloud.model.world, uri)?.sas === undefined) === (action === "endGetAccess"),
  );
}
