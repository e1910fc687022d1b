import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, diskBody } from "../../testing/model-fixture.ts";
import { at, type Json, textAt } from "../json.ts";

describe("a write with a value that is no number or no truth value is refused", () => {
  const rows: readonly (readonly [
    method: "PUT" | "PATCH",
    path: string,
    properties: Readonly<Record<string, Json>>,
    problem: string,
    member: string,
  ])[] = [
    ["PATCH", "disks/d", { diskSizeGB: "big" }, "Could not convert string to integer: big.", "diskSizeGB"],
    [
      "PATCH",
      "disks/d",
      { DISKSIZEGB: [16] },
      "Error reading integer. Unexpected token: StartArray.",
      "DISKSIZEGB",
    ],
    ["PUT", "disks/d", { maxShares: true }, "Error reading integer. Unexpected token: Boolean.", "maxShares"],
    [
      "PATCH",
      "disks/d",
      { burstingEnabled: "yes" },
      "Could not convert string to boolean: yes.",
      "burstingEnabled",
    ],
    [
      "PATCH",
      "virtualMachines/node-a",
      { additionalCapabilities: { ultraSSDEnabled: "on" } },
      "Could not convert string to boolean: on.",
      "additionalCapabilities.ultraSSDEnabled",
    ],
    [
      "PATCH",
      "virtualMachines/node-a",
      { storageProfile: { dataDisks: [{ lun: 0, toBeDetached: {} }] } },
      "Error reading boolean. Unexpected token: StartObject.",
      "storageProfile.dataDisks[0].toBeDetached",
    ],
  ];
  for (const [method, path, properties, problem, member] of rows)
    it(`${method} ${path} ${JSON.stringify(properties)}`, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/d", diskBody());
      const sent: Json = { location: "eastus", properties };
      const { status, body } = azure.send(method, path, sent);
      assert.deepEqual([status, codeOf(body)], [400, "BadRequest"]);
      const message = textAt(body, "error", "message") ?? "";
      assert.ok(message.startsWith(`${problem} Path 'properties.${member}', line 1, position `), message);
      assert.equal(
        textAt(body, "error", "target"),
        `${path.startsWith("disks") ? "disk" : "vm"}.properties.${member}`,
      );
    });

  it("at the position behind it, where it is a text", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    const { body } = azure.send("PATCH", "disks/d", { properties: { diskSizeGB: "big" } });
    const position = '{"properties":{"diskSizeGB":"big"'.length;
    assert.match(textAt(body, "error", "message") ?? "", new RegExp(`position ${position}\\.$`, "u"));
  });
});

describe("a write is read", () => {
  it("with numbers and truth values in quotes, empty ones, and none", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    const properties = { diskSizeGB: "256", maxShares: "", burstingEnabled: "False", tier: null };
    azure.finish("PATCH", "disks/d", { properties });
    assert.equal(at(azure.send("GET", "disks/d").body, "properties", "diskSizeGB"), 256);
  });

  it("with any values of tags and of settings of extensions", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    assert.equal(azure.send("PATCH", "disks/d", { tags: { lun: "x", enabled: "maybe" } }).status, 202);
  });
});
