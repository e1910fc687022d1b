import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { deviceReplaced } from "../../../core/failure/frequent-failures.ts";
import { ok } from "../../../core/failure/result.ts";
import { createCallLane } from "../call-lane.ts";
import { createReservations } from "./reserved-devices.ts";
import { aDisk, device, heldBy } from "./testing/a-disk.ts";

const never = new AbortController().signal;
const key = "617a00000000000a";

/** A host whose kernel shows the device below `parent`. */
async function aHost(t: TestContext, parent: string | undefined) {
  const sysRoot = await mkdtemp(join(tmpdir(), "reserved-devices-"));
  t.after(() => rm(sysRoot, { recursive: true }));
  const folder = join(sysRoot, "dev/block", device.majorMinor);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "size"), "2048\n");
  if (parent !== undefined) await symlink(`../../../${parent}`, join(folder, "device"));
  const { host, commands } = aDisk({ "--read-reservation": [heldBy(key)] });
  return { host: { ...host, sysRoot, deviceOpens: createCallLane() }, commands };
}

describe("reservations of a Linux host", () => {
  it("asks a SCSI disk while it is held", async (t) => {
    const { host } = await aHost(t, "3:0:0:1");
    const held: string[] = [];
    const { readReservation } = createReservations(host, (_, { path }, act) => {
      held.push(path);
      return act();
    });
    assert.deepEqual(await readReservation(device, never), ok(key));
    assert.deepEqual(held, ["/dev/sdc"]);
  });

  it("asks no device whose name leads to another number", async (t) => {
    const { host, commands } = await aHost(t, "3:0:0:1");
    const { reserve } = createReservations(host, async () => deviceReplaced(device));
    assert.deepEqual(await reserve({ device, key }, never), deviceReplaced(device));
    assert.deepEqual(commands, []);
  });

  for (const { parent, why } of [
    { parent: undefined, why: "which is no SCSI disk" },
    { parent: "virtio3", why: "which is no SCSI disk" },
    { parent: "nvme0", why: "which is an NVMe disk" },
  ])
    it(`has none of a device below ${parent ?? "nothing"}, and says so`, async (t) => {
      const { host, commands } = await aHost(t, parent);
      const { readReservation, reserve, releaseReservation } = createReservations(host, (_, __, act) =>
        act(),
      );
      const request = { device, key };
      for (const answer of [
        await readReservation(device, never),
        await reserve(request, never),
        await releaseReservation(request, never),
      ])
        assert.equal(
          answer.ok ? "success" : describeFailure(answer.failure),
          `a persistent reservation of /dev/sdc, ${why}, is not supported by this version of the driver`,
        );
      assert.deepEqual(commands, []);
    });
});
