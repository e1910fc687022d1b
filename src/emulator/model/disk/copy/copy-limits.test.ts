import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, textAt } from "../../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, type ModelFixture } from "../../testing/model-fixture.ts";

const MINUTE_MS = 60_000;
const KEYS = `${COMPUTE}/diskEncryptionSets/keys`;

/** Disk `d` of that SKU, and its incremental snapshots `s0`, `s1` … complete unless they are instant. */
function withSnapshots(sku: string, count: number, creationData: Record<string, Json> = {}): ModelFixture {
  const azure = aModel({ virtualMachines: [] });
  azure.finish("PUT", "disks/d", diskBody({ sku }));
  for (let index = 0; index < count; index += 1) {
    azure.finish("PUT", `snapshots/s${index}`, snapshotBody(`${COMPUTE}/disks/d`, creationData));
    azure.advance((creationData["instantAccessDurationMinutes"] === undefined ? 60 : 2) * MINUTE_MS);
  }
  return azure;
}

function snapshotBody(sourceResourceId: string, creationData: Record<string, Json> = {}): Json {
  return {
    location: "eastus",
    properties: {
      creationData: { createOption: "Copy", sourceResourceId, ...creationData },
      incremental: true,
    },
  };
}

function restore(azure: ModelFixture, name: string, snapshot = "s0", sku = "PremiumV2_LRS"): Refusal {
  const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/snapshots/${snapshot}` };
  return refusalOf(azure.send("PUT", `disks/${name}`, diskBody({ sku, properties: { creationData } })));
}

type Refusal = readonly [status: number, code: string | undefined, message: string | undefined];

function refusalOf({ status, body }: { readonly status: number; readonly body?: Json }): Refusal {
  return [status, codeOf(body), textAt(body, "error", "message")];
}

const ACCEPTED = [202, undefined, undefined];
const refused = (message: string): Refusal => [409, "OperationNotAllowed", message];

describe("the limits of copies", () => {
  it("are five disks at a time of a snapshot of a Premium SSD v2", () => {
    const azure = withSnapshots("PremiumV2_LRS", 2);
    for (let index = 0; index < 5; index += 1) assert.deepEqual(restore(azure, `r${index}`), ACCEPTED);
    azure.advance(1000);
    assert.deepEqual(
      restore(azure, "r5"),
      refused("s0 can't be copied now: 5 disks are being created from it."),
    );
    assert.deepEqual(restore(azure, "r5", "s1"), ACCEPTED);
    azure.settle();
    azure.advance(60 * MINUTE_MS);
    assert.deepEqual(restore(azure, "r6"), ACCEPTED);
  });

  it("do not concern snapshots of other disks", () => {
    const azure = withSnapshots("Premium_LRS", 1);
    for (let index = 0; index < 8; index += 1)
      assert.deepEqual(restore(azure, `r${index}`, "s0", "Premium_LRS"), ACCEPTED);
  });

  it("are fifteen disks at a time of all snapshots of a disk with instant access", () => {
    const azure = withSnapshots("PremiumV2_LRS", 2, { instantAccessDurationMinutes: 60 });
    for (let index = 0; index < 15; index += 1)
      assert.deepEqual(restore(azure, `r${index}`, `s${index % 2}`), ACCEPTED);
    assert.deepEqual(
      restore(azure, "r15", "s1"),
      refused("s1 can't be copied now: 15 disks are being created from it."),
    );
  });

  it("are fifty background copies in a subscription, conversions included", () => {
    const azure = withSnapshots("PremiumV2_LRS", 10);
    for (let index = 0; index < 48; index += 1)
      assert.deepEqual(restore(azure, `r${index}`, `s${index % 10}`), ACCEPTED);
    for (const name of ["c0", "c1", "c2"]) azure.finish("PUT", `disks/${name}`, diskBody());
    const convert = { sku: { name: "PremiumV2_LRS" } };
    for (const name of ["c0", "c1"])
      assert.equal(textAt(azure.finish("PATCH", `disks/${name}`, convert), "status"), "Succeeded");
    const reason = "50 background copies run in the subscription.";
    assert.deepEqual(restore(azure, "r50", "s9"), refused(`r50 can't be copied now: ${reason}`));
    const converted = azure.send("PATCH", "disks/c2", convert);
    assert.deepEqual(refusalOf(converted), refused(`c2 can't be copied now: ${reason}`));
    assert.deepEqual(restore(azure, "p", "s9", "Standard_LRS")[1], "InvalidParameter");
  });

  it("are a hundred snapshots at a time that are copied to a region", () => {
    const azure = aModel({ virtualMachines: [] });
    const copy = (index: number, location = "westus"): Refusal => {
      azure.finish("PUT", `disks/d${index}`, diskBody());
      azure.finish("PUT", `snapshots/s${index}`, snapshotBody(`${COMPUTE}/disks/d${index}`));
      const creationData = { createOption: "CopyStart", sourceResourceId: `${COMPUTE}/snapshots/s${index}` };
      return refusalOf(
        azure.send("PUT", `snapshots/c${index}`, {
          location,
          properties: { creationData, incremental: true },
        }),
      );
    };
    azure.model.handle({
      method: "PATCH",
      path: "/emulator/v1/settings",
      body: { latencies: { snapshotBackgroundCopy: { medianMs: 1e9, p99Ms: 1e9 } } },
    });
    for (let index = 0; index < 100; index += 1) assert.deepEqual(copy(index), ACCEPTED, String(index));
    assert.deepEqual(
      copy(100),
      refused("The snapshot can't be made: 100 snapshots are being copied to the region."),
    );
    assert.deepEqual(copy(101, "westus2"), ACCEPTED);
  });
});

describe("the access to snapshots", () => {
  const grant = (azure: ModelFixture, name: string): Refusal =>
    refusalOf(
      azure.send("POST", `snapshots/${name}/beginGetAccess`, { access: "Read", durationInSeconds: 3600 }),
    );

  it("is granted to five of a family at a time, whether or not they have it yet", () => {
    const azure = withSnapshots("Premium_LRS", 7);
    for (const name of ["s0", "s1", "s2", "s3"]) assert.deepEqual(grant(azure, name), ACCEPTED);
    azure.settle();
    assert.deepEqual(grant(azure, "s4"), ACCEPTED);
    const limit = (name: string): Refusal =>
      refused(
        `Access to snapshot ${name} can't be granted: 5 other snapshots of its family have an active ` +
          "shared access signature.",
      );
    assert.deepEqual(grant(azure, "s5"), limit("s5"));
    azure.settle();
    assert.deepEqual([grant(azure, "s5"), grant(azure, "s4")], [limit("s5"), ACCEPTED]);
    azure.finish("POST", "snapshots/s0/endGetAccess");
    assert.deepEqual(grant(azure, "s5"), ACCEPTED);
    azure.settle();
    azure.advance(61 * MINUTE_MS);
    assert.deepEqual(grant(azure, "s6"), ACCEPTED);
  });
});

describe("the encryption of a Premium SSD v2", () => {
  it("stays while the disk or its snapshot is copied in the background", () => {
    const azure = withSnapshots("PremiumV2_LRS", 1);
    azure.finish("PUT", "diskEncryptionSets/keys", {
      location: "eastus",
      identity: { type: "SystemAssigned" },
      properties: { activeKey: { keyUrl: "https://vault/keys/k" } },
    });
    const change = { properties: { encryption: { diskEncryptionSetId: KEYS } } };
    restore(azure, "r");
    azure.send("PUT", "snapshots/pending", snapshotBody(`${COMPUTE}/disks/d`));
    azure.advance(10_000);
    for (const path of ["disks/r", "disks/d", "snapshots/pending"]) {
      const [status, code, message] = refusalOf(azure.send("PATCH", path, change));
      assert.deepEqual([status, code], [409, "OperationNotAllowed"], path);
      assert.match(message ?? "", /background copy/);
    }
    azure.settle();
    azure.advance(60 * MINUTE_MS);
    for (const path of ["disks/r", "disks/d", "snapshots/pending"])
      assert.equal(azure.send("PATCH", path, change).status, 202, path);
  });
});
