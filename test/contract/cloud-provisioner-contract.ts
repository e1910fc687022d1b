import { describe, it } from "node:test";
import { TEST_TIMEOUT_MS } from "./cloud/cloud-suite.ts";
import { accessByUrlContract } from "./cloud/disk/access-by-url.ts";
import { copiedDisksContract } from "./cloud/disk/copied-disks.ts";
import { diskTraitsContract } from "./cloud/disk/disk-traits.ts";
import { disksContract } from "./cloud/disk/disks.ts";
import { madeAgainContract } from "./cloud/disk/made-again.ts";
import { snapshotProvisionerContract } from "./cloud/disk/snapshots.ts";
import { attachAndDetachContract } from "./cloud/vm/attach-and-detach.ts";
import { failuresContract } from "./cloud/vm/failures.ts";
import { fenceContract } from "./cloud/vm/fence.ts";
import { foreignDetachesContract } from "./cloud/vm/foreign-detaches.ts";
import { instancesContract } from "./cloud/vm/instances.ts";
import { otherWritersContract } from "./cloud/vm/other-writers.ts";
import { powerOffContract } from "./cloud/vm/power-off.ts";
import { preconditionsContract } from "./cloud/vm/preconditions.ts";
import { proofWithoutFenceContract } from "./cloud/vm/proof-without-fence.ts";
import { rejectedPollsContract } from "./cloud/vm/rejected-polls.ts";
import { reservedLunsContract } from "./cloud/vm/reserved-luns.ts";
import { vmWriteBarrierContract } from "./cloud/vm/vm-write-barrier.ts";
import type { CloudUnderTest, VmKind } from "./worlds/cloud-bench.ts";

/** Declares the tests that every cloud provisioner passes, the simulated one and the real one. */
export function cloudProvisionerContract(
  name: string,
  vms: VmKind,
  makeCloud: (vms: VmKind) => Promise<CloudUnderTest>,
): void {
  const on = (sentence: string, test: (cloud: CloudUnderTest) => Promise<void>): void => {
    it(sentence, { timeout: TEST_TIMEOUT_MS }, async () => {
      const cloud = await makeCloud(vms);
      try {
        await test(cloud);
      } finally {
        await cloud.close();
      }
    });
  };

  describe(`CloudProvisioner, properties of disks: ${name}`, () => diskTraitsContract(on));

  describe(`SnapshotProvisioner: ${name}`, () => snapshotProvisionerContract(on));

  describe(`CloudProvisioner: ${name}`, () => {
    describe("copies", () => copiedDisksContract(on));

    describe("other clients", () => otherWritersContract(on));
    disksContract(on);
    madeAgainContract(on);
    accessByUrlContract(on);
    attachAndDetachContract(on);
    rejectedPollsContract(on);
    foreignDetachesContract(on);
    reservedLunsContract(on);
    preconditionsContract(on);
    failuresContract(on);
    proofWithoutFenceContract(on);
    vmWriteBarrierContract(on, vms);
    fenceContract(on, vms);
    instancesContract(on);
    powerOffContract(on);
  });
}
