import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "./describe-failure.ts";
import { failureExamples } from "./testing/failure-examples.ts";

describe("describeFailure", () => {
  for (const failure of Object.values(failureExamples)) {
    it(`states every fact of ${failure.kind} that a person needs`, () => {
      const sentence = describeFailure(failure);
      assert.doesNotMatch(sentence, /undefined|\[object|null/u);
      for (const [field, value] of Object.entries(failure)) {
        if (field === "kind" || typeof value !== "string" || value.trim() === "") continue;
        assert.ok(sentence.includes(value.trim()), `${field} is missing in: ${sentence}`);
      }
    });
  }

  it("ends with Azure's code and request id where Azure has responded", () => {
    const azure = { code: "OperationNotAllowed InvalidResizeForLargeDisks", requestId: "r-1" };
    for (const kind of [
      "InvalidArgument",
      "DiskNotFound",
      "DiskAttachedElsewhere",
      "DiskInUse",
      "NoFreeLun",
      "InstanceNotFound",
      "QuotaExceeded",
      "ChangeOverQuota",
    ] as const) {
      const failure = failureExamples[kind];
      assert.equal(
        describeFailure({ ...failure, azure }),
        `${describeFailure(failure)} (Azure: OperationNotAllowed InvalidResizeForLargeDisks, request r-1)`,
      );
    }
  });

  it("names the form of an id, where a handle has another", () => {
    for (const volumeId of ["https://account.blob.core.windows.net/vhds/data.vhd", "pvc-1"])
      assert.match(
        describeFailure({ kind: "VolumeNotFound", volumeId }),
        /does not exist: a volume's id is that of a managed disk, \/subscriptions\/.*\/disks\/<name>$/u,
      );
    assert.match(
      describeFailure({ kind: "SnapshotNotFound", snapshotUri: "snapshot-1" }),
      /does not exist: a snapshot's id is \/subscriptions\/.*\/snapshots\/<name>$/u,
    );
  });

  it("says what ends the use of a disk before it names its VMs", () => {
    const group =
      "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/MC_shop_shop_westeurope";
    const set = `${group}/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-12345678-vmss`;
    const sentence = describeFailure({
      kind: "DiskInUse",
      diskUri: `${group}/providers/Microsoft.Compute/disks/pvc-6c30472b-d2ad-4d4c-871d-deb7f54cdab5`,
      attachedTo: ["0", "1", "2"].map((id) => `${set}/virtualMachines/${id}`),
      replicasKeptMs: 300_000,
    });
    assert.match(sentence.slice(0, 640), /end its use first.* for 300 s.* has ended/u);
  });

  it("says what to grant before it repeats Azure's refusal, which may be long", () => {
    const group =
      "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/MC_shop_shop_westeurope";
    const set = `${group}/providers/Microsoft.Compute/diskEncryptionSets/shop-encryption`;
    const disk = `${group}/providers/Microsoft.Compute/disks/pvc-6c30472b-d2ad-4d4c-871d-deb7f54cdab5`;
    const sentence = describeFailure({
      kind: "CloudUnauthorized",
      code: "LinkedAuthorizationFailed",
      message:
        "The client '00000000-0000-4000-8000-000000000002' with object id " +
        "'00000000-0000-4000-8000-000000000002' has permission to perform action " +
        `'Microsoft.Compute/disks/write' on scope '${disk}'; however, it does not have permission to ` +
        `perform action 'Microsoft.Compute/diskEncryptionSets/read' on the linked scope(s) '${set}' or the ` +
        "linked scope(s) are invalid.",
      requestId: "00000000-0000-4000-8000-000000000003",
    });
    assert.match(sentence.slice(0, 640), /grant .*diskEncryptionSets\/read on .*the roles of deploy\/azure/u);
  });

  it("says what to do about a quota before it repeats Azure's links and numbers", () => {
    const detail =
      "Operation could not be completed as it results in exceeding approved PremiumDiskCount quota. " +
      "Additional details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 50000, " +
      "Current Usage: 50000, Additional Required: 1, (Minimum) New Limit Required: 50001. Setup Alerts " +
      "when Quota reaches threshold. Submit a request for Quota increase at https://aka.ms/ProdportalCRP/" +
      `#blade/Microsoft_Azure_Capacity/UsageAndQuota.ReactView/Parameters/${"%22".repeat(120)}`;
    const made = describeFailure({ ...failureExamples.QuotaExceeded, detail });
    assert.match(made.slice(0, 640), /ask for more/u);
    const changed = describeFailure({ ...failureExamples.ChangeOverQuota, detail });
    assert.match(changed.slice(0, 640), /stays as it is.*PremiumDiskCount/u);
  });

  it("says how to check and erase a disk where a first mkfs may have left data", () => {
    const unrecognized = {
      ...failureExamples.WrongFileSystem,
      found: "no known signature, but data at its middle",
      isFormattedOnceBlank: true,
    } as const;
    const sentence = describeFailure(unrecognized);
    assert.match(sentence, /find out whether a pod ever wrote to it.*blkdiscard -z <device>/u);
    // An event has the first 700 characters of it, after the node's name.
    assert.ok(sentence.length < 640, `${sentence.length} characters`);
    assert.doesNotMatch(describeFailure(failureExamples.WrongFileSystem), /blkdiscard/u);
  });

  it("states after how many seconds a throttled request is tried again", () => {
    assert.match(describeFailure(failureExamples.Throttled), /in 2 s$/u);
  });

  it("names no request where Azure gave none, and no outage while Azure works on it", () => {
    const failure = {
      kind: "CloudUnavailable",
      code: "DiskStillDetaching",
      message: "VM node-a lists the disk as one that is coming off",
      requestId: "",
    } as const;
    assert.equal(
      describeFailure(failure),
      "Azure has not finished yet: DiskStillDetaching: VM node-a lists the disk as one that is coming off",
    );
    assert.equal(
      describeFailure({ ...failure, code: "Timeout", message: "later" }),
      "Azure can't be reached or failed for now: Timeout: later",
    );
    assert.doesNotMatch(
      describeFailure(failureExamples.CloudUnavailable),
      /tried again/u,
      "the event says so",
    );
  });

  it("names the users of a volume where they are known", () => {
    assert.match(describeFailure(failureExamples.OtherWriter), /node-a \(default\/pod-1\)/u);
    assert.match(describeFailure(failureExamples.VolumeInUse), /on node node-a;/u);
  });
});
