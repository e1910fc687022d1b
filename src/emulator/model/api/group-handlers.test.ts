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
