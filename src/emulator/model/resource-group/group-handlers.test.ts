import assert from "node:assert/strict";
import { it } from "node:test";
import { at, textAt } from "../api/json.ts";
import { aModel, codeOf } from "../testing/model-fixture.ts";

const GROUPS = "/subscriptions/sub-1/resourceGroups";

it("resource groups are created, shown and listed", () => {
  const azure = aModel();
  azure.send("PUT", `${GROUPS}/New`, { location: "westus", tags: { a: "b" } });
  const { id, location, tags } = azure.send("GET", `${GROUPS}/new`).body as {
    id: string;
    location: string;
    tags: object;
  };
  assert.deepEqual([id, location, tags], [`${GROUPS}/New`, "westus", { a: "b" }]);
  const names = (at(azure.send("GET", GROUPS).body, "value") as readonly { name: string }[]).map(
    (group) => group.name,
  );
  assert.deepEqual(names, ["New", "rg"]);
});

it("a PUT of a resource group needs its location and replaces its tags, also by none", () => {
  const azure = aModel();
  azure.send("PUT", `${GROUPS}/new`, { location: "westus", tags: { a: "b" } });
  const refused = azure.send("PUT", `${GROUPS}/new`, { tags: {} });
  assert.deepEqual([refused.status, codeOf(refused.body)], [400, "LocationRequired"]);
  assert.equal(at(azure.send("PUT", `${GROUPS}/new`, { location: "westus" }).body, "tags"), undefined);
});

it("a resource group is refused by name for characters that none can have", () => {
  const azure = aModel();
  for (const path of [`${GROUPS}/a b'c`, `${GROUPS}/a b'c/providers/Microsoft.Compute/disks`]) {
    const { status, body } = azure.send("GET", path);
    assert.deepEqual([status, codeOf(body)], [400, "InvalidResourceGroup"]);
    assert.match(
      textAt(body, "error", "message") ?? "",
      /^The provided resource group name 'a b'c' has these invalid characters: ' ''\. The name can only be a /,
    );
  }
  assert.equal(azure.send("PUT", `${GROUPS}/(ä)_.-1`, { location: "westus" }).status, 201);
});

it("a resource group's name has at most 90 characters, and no period at its end", () => {
  const azure = aModel();
  const put = (name: string): unknown => {
    const { status, body } = azure.send("PUT", `${GROUPS}/${name}`, { location: "westus" });
    return [status, codeOf(body)];
  };
  assert.deepEqual(put("a".repeat(90)), [201, undefined]);
  for (const name of ["a".repeat(91), "a."]) assert.deepEqual(put(name), [400, "InvalidResourceGroup"]);
});

it("a resource group keeps the resource that manages it", () => {
  const azure = aModel();
  const managedBy =
    "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/c";
  azure.send("PUT", `${GROUPS}/nodes`, { location: "westus", managedBy });
  azure.send("PUT", `${GROUPS}/nodes`, { location: "westus", tags: { a: "b" } });
  assert.equal(textAt(azure.send("GET", `${GROUPS}/nodes`).body, "managedBy"), managedBy);
});
