import assert from "node:assert/strict";
import { it } from "node:test";
import { aModel, codeOf, diskBody } from "../testing/model-fixture.ts";
import { at, textAt } from "./json.ts";

const GROUPS = "/subscriptions/sub-1/resourceGroups";

it("resource groups are created, shown, listed, and deleted when empty", () => {
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
  azure.finish("PUT", `${GROUPS}/new/providers/Microsoft.Compute/disks/pvc-1`, diskBody());
  const holding = azure.send("DELETE", `${GROUPS}/new`);
  assert.deepEqual([holding.status, codeOf(holding.body)], [409, "Conflict"]);
  assert.match(textAt(holding.body, "error", "message") ?? "", /'new' is not empty/);
  azure.finish("DELETE", `${GROUPS}/new/providers/Microsoft.Compute/disks/pvc-1`);
  assert.equal(azure.send("DELETE", `${GROUPS}/new`).status, 200);
  assert.equal(azure.send("GET", `${GROUPS}/new`).status, 404);
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
