import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json } from "../api/json.ts";
import { aModel, COMPUTE, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

/** Why a write is refused. */
function refusal(azure: ModelFixture, path: string, body: Json): readonly [number, Json] {
  const { status, body: answer } = azure.send("PUT", path, body);
  // As the wire has it.
  return [status, JSON.parse(JSON.stringify(at(answer, "error") ?? null)) as Json];
}

function copyOf(source: string): Json {
  return { createOption: "Copy", sourceResourceId: `${COMPUTE}/${source}` };
}

describe("the source of a copy", () => {
  it("of a disk is in its zone", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/source", diskBody({ zones: ["1"] }));
    const body = diskBody({ zones: ["2"], properties: { creationData: copyOf("disks/source") } });
    // In azuredisk-csi-driver#571.
    assert.deepEqual(refusal(azure, "disks/copy", body), [
      400,
      {
        code: "InvalidParameter",
        message:
          "The resource 'copy' in an availability zone cannot be copied from the source " +
          `'${COMPUTE}/disks/source' in a different availability zone.`,
        target: "sourceResourceId",
      },
    ]);
  });

  it("is looked for in its region", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/source", diskBody());
    azure.finish("PUT", "snapshots/source", {
      location: "eastus",
      properties: { creationData: copyOf("disks/source") },
    });
    // In azure-cli-extensions#5869: a disk that exists, and a snapshot in another region.
    for (const [path, source] of [
      ["disks/copy", "disks/source"],
      ["disks/copy", "snapshots/source"],
      ["disks/copy", "disks/gone"],
      ["snapshots/copy", "disks/source"],
      ["snapshots/copy", "snapshots/source"],
      ["snapshots/copy", "snapshots/gone"],
    ] as const) {
      const body = { location: "westus", properties: { creationData: copyOf(source) } };
      const message = `Resource ${source.split("/")[1] ?? ""} is not found.`;
      assert.deepEqual(refusal(azure, path, body), [404, { code: "NotFound", message }], `${path} ${source}`);
    }
  });

  it("of a snapshot needs a version that has them, if it is a Premium SSD v2 disk", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/source", diskBody({ sku: "PremiumV2_LRS", zones: ["1"] }));
    const properties = { incremental: true, creationData: copyOf("disks/source") };
    const body = { location: "eastus", properties };
    // In velero#6650.
    assert.deepEqual(refusal(azure, "snapshots/s?api-version=2021-12-01", body), [
      400,
      {
        code: "BadRequest",
        message:
          "Minimum api-version of 2022-03-02 required to create snapshots on ultra or premiumV2 disks.",
      },
    ]);
    assert.equal(azure.send("PUT", "snapshots/s?api-version=2022-03-02", body).status, 202);
  });
});
