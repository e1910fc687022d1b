import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Failure } from "../../../../src/core/failure/failure.ts";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { findDisk, putDisk } from "../../../../src/emulator/model/world.ts";
import type { CloudProvisioner } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  type CloudUnderTest,
  addDisk,
  addVm,
  diskUri,
  disksOn,
  failureOf,
  mayAlways,
  never,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { type On, attaching } from "../cloud-suite.ts";

const uri = diskUri("pvc-1");

/** Disks that another client has deleted, and made again under their names. */
export function madeAgainContract(on: On): void {
  describe("a disk that was made again under its name", () => {
    const rows: readonly [
      string,
      (cloud: CloudProvisioner, uniqueId: string | undefined) => Promise<Result<unknown>>,
    ][] = [
      [
        "deleteDisk",
        (cloud, uniqueId) => cloud.deleteDisk({ diskUri: uri, uniqueId, precondition: mayAlways }, never),
      ],
      [
        "resizeDisk",
        (cloud, uniqueId) =>
          cloud.resizeDisk({ diskUri: uri, uniqueId, sizeGiB: 128, precondition: mayAlways }, never),
      ],
      [
        "updateDisk",
        (cloud, uniqueId) =>
          cloud.updateDisk(
            { diskUri: uri, uniqueId, change: { tags: { a: "b" } }, precondition: mayAlways },
            never,
          ),
      ],
      [
        "tagDisk",
        (cloud, uniqueId) =>
          cloud.tagDisk({ diskUri: uri, uniqueId, tags: { a: "b" }, precondition: mayAlways }, never),
      ],
    ];
    for (const [call, send] of rows) {
      on(`is left alone by ${call}, which meant the disk before it`, async (cloud) => {
        const { earlier, present } = await madeAgain(cloud);
        const before = findDisk(cloud.model.world, uri);
        const refused = await cloud.run(send(cloud.provisioner, earlier));
        assert.deepEqual(failureOf(refused), replaced(earlier, present));
        assert.deepEqual(findDisk(cloud.model.world, uri), before);
      });

      on(`is changed by ${call} that means it, in any case, or names no id`, async (cloud) => {
        const { present } = await madeAgain(cloud);
        valueOf(await cloud.run(send(cloud.provisioner, present.toUpperCase())));
        if (call === "deleteDisk") await addDisk(cloud, "pvc-1");
        valueOf(await cloud.run(send(cloud.provisioner, undefined)));
      });
    }

    on("is attached to no node in place of the disk before it", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const { earlier, present } = await madeAgain(cloud);
      const meant = { diskUri: uri, uniqueId: earlier, node };
      const refused = await cloud.run(attaching(cloud.provisioner, meant));
      assert.deepEqual(failureOf(refused), replaced(earlier, present));
      assert.deepEqual([disksOn(cloud, "node-a"), vmWrites(cloud).length], [[], 0]);
      valueOf(await cloud.run(attaching(cloud.provisioner, { ...meant, uniqueId: present })));
    });

    on("is attached under another id where it was made at the same moment: it is the same", async (cloud) => {
      const node = addVm(cloud, "node-a");
      await idOf(cloud);
      const { timeCreated } = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)));
      assert.ok(timeCreated !== undefined);
      const disk = findDisk(cloud.model.world, uri) ?? assert.fail("no disk");
      putDisk(cloud.model.world, { ...disk, uniqueId: "changed" });
      const meant = { diskUri: uri, uniqueId: disk.uniqueId, timeCreated, node };
      valueOf(await cloud.run(attaching(cloud.provisioner, meant)));
    });

    on("is refused also where a person has attached it to the node", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const { earlier, present } = await madeAgain(cloud);
      valueOf(await cloud.run(attaching(cloud.another(), { diskUri: uri, node })));
      const refused = await cloud.run(
        attaching(cloud.provisioner, { diskUri: uri, uniqueId: earlier, node }),
      );
      assert.deepEqual(failureOf(refused), replaced(earlier, present));
    });

    on("is not deleted where Azure does not find it for the moment", async (cloud) => {
      const { earlier, present } = await madeAgain(cloud);
      cloud.model.faults.add({
        operation: "Disks_Get",
        effect: { kind: "Error", status: 404, code: "ResourceNotFound" },
      });
      const deleting = (uniqueId: string): Promise<Result<void>> =>
        cloud.run(cloud.provisioner.deleteDisk({ diskUri: uri, uniqueId, precondition: mayAlways }, never));
      assert.deepEqual(failureOf(await deleting(earlier)), replaced(earlier, present));
      valueOf(await deleting(present));
      assert.equal(findDisk(cloud.model.world, uri), undefined);
      valueOf(await deleting(present));
    });

    on("is not deleted by a request for the disk before it that is sent again", async (cloud) => {
      const earlier = await idOf(cloud);
      cloud.model.faults.add({
        operation: "Disks_Delete",
        times: 1,
        effect: { kind: "Error", status: 500, code: "InternalServerError", message: "oops" },
      });
      let asked = 0;
      const precondition = (): Promise<boolean> => {
        asked++;
        const disk = findDisk(cloud.model.world, uri) ?? assert.fail("no disk");
        putDisk(cloud.model.world, { ...disk, uniqueId: "made-again" });
        return mayAlways();
      };
      const refused = await cloud.run(
        cloud.provisioner.deleteDisk({ diskUri: uri, uniqueId: earlier, precondition }, never),
      );
      assert.deepEqual([failureOf(refused).kind, asked], ["Refused", 1]);
      assert.equal(findDisk(cloud.model.world, uri)?.uniqueId, "made-again");
    });
  });
}

function replaced(uniqueId: string, shownId: string): Failure {
  return { kind: "DiskReplaced", diskUri: uri, uniqueId, shownId };
}

async function idOf(cloud: CloudUnderTest): Promise<string> {
  await addDisk(cloud, "pvc-1");
  const { uniqueId } = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: uri }, never)));
  assert.ok(uniqueId !== undefined);
  return uniqueId;
}

async function madeAgain(
  cloud: CloudUnderTest,
): Promise<{ readonly earlier: string; readonly present: string }> {
  const earlier = await idOf(cloud);
  valueOf(await cloud.run(cloud.another().deleteDisk({ diskUri: uri, precondition: mayAlways }, never)));
  return { earlier, present: await idOf(cloud) };
}
