import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import { parseSettings } from "../settings.ts";
import { aModel, codeOf, COMPUTE, diskBody } from "../testing/model-fixture.ts";

const PUBLIC = {
  name: "No public disks",
  action: "Microsoft.Compute/disks/write",
  property: "properties.publicNetworkAccess",
  equals: "Enabled",
};
const UNTAGGED = { action: "*/snapshots/write", property: "tags.owner", equals: null };

const withAccess = (publicNetworkAccess: string): Json => diskBody({ properties: { publicNetworkAccess } });

describe("a policy", () => {
  it("refuses the writes that have what it forbids, before anything is done", () => {
    const azure = aModel({ settings: { policies: [PUBLIC] } });
    const refused = azure.send("PUT", "disks/pvc-1", withAccess("Enabled"));
    assert.deepEqual([refused.status, codeOf(refused.body)], [403, "RequestDisallowedByPolicy"]);
    assert.equal(azure.send("GET", "disks/pvc-1").status, 404);
    azure.finish("PUT", "disks/pvc-1", withAccess("Disabled"));
    const change = { properties: { publicNetworkAccess: "Enabled" } };
    assert.equal(azure.send("PATCH", "disks/pvc-1", change).status, 403);
    assert.equal(azure.send("PATCH", "disks/pvc-1", { tags: {} }).status, 202);
  });

  it("is named with the resource in Azure's error, and what it found", () => {
    const azure = aModel({ settings: { policies: [PUBLIC] } });
    const { body } = azure.send("PUT", "disks/pvc-1", withAccess("Enabled"));
    assert.match(
      textAt(body, "error", "message") ?? "",
      /^Resource 'pvc-1' was disallowed by policy\. Policy identifiers: '\[\{"policyAssignment":\{"name":"No public disks",/,
    );
    const info = at(body, "error", "additionalInfo") as readonly Json[];
    assert.deepEqual(
      [
        textAt(body, "error", "target"),
        textAt(info[0], "type"),
        textAt(info[0], "info", "policyAssignmentDisplayName"),
        at(info[0], "info", "evaluationDetails", "evaluatedExpressions"),
      ],
      [
        "pvc-1",
        "PolicyViolation",
        "No public disks",
        [
          {
            result: "True",
            expressionKind: "Field",
            expression: "properties.publicNetworkAccess",
            path: "properties.publicNetworkAccess",
            expressionValue: "Enabled",
            targetValue: "Enabled",
            operator: "Equals",
          },
        ],
      ],
    );
  });

  it("refuses a PATCH that leaves what is forbidden as it is, and none that ends it", () => {
    const azure = aModel();
    const { world } = azure.model;
    azure.finish("PUT", "disks/pvc-1", withAccess("Enabled"));
    world.settings = {
      ...world.settings,
      policies: [PUBLIC, { ...UNTAGGED, action: "*/virtualMachines/write" }],
    };
    assert.equal(azure.send("PATCH", "disks/pvc-1", { properties: { diskSizeGB: 64 } }).status, 403);
    const change = { properties: { publicNetworkAccess: "Disabled" } };
    assert.equal(azure.send("PATCH", "disks/pvc-1", change).status, 202);
    assert.equal(azure.send("PATCH", "virtualMachines/node-a", {}).status, 403);
    assert.equal(azure.send("PATCH", "virtualMachines/node-a", { tags: { owner: "us" } }).status, 200);
  });

  it("can demand a member, such as a tag, of new resources", () => {
    const azure = aModel({ settings: { policies: [UNTAGGED] } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/pvc-1` };
    const snapshot = { location: "eastus", properties: { creationData, incremental: true } };
    assert.equal(azure.send("PUT", "snapshots/s", snapshot).status, 403);
    assert.equal(azure.send("PUT", "snapshots/s", { ...snapshot, tags: { owner: "us" } }).status, 202);
  });

  it("is read from settings, whose mistakes are named", () => {
    const policies = [PUBLIC, UNTAGGED];
    assert.deepEqual(parseSettings({ policies }), { ok: true, value: { policies } });
    for (const wrong of ["deny", [{ action: "a", property: "b" }], [{ ...PUBLIC, name: 1 }]])
      assert.match(JSON.stringify(parseSettings({ policies: wrong })), /'policies(\[0\]\.\w+)?' is /);
  });
});
