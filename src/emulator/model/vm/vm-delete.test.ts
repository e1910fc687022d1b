import assert from "node:assert/strict";
import { it } from "node:test";
import { textAt } from "../api/json.ts";
import { aModel, diskBody, listBody } from "../testing/model-fixture.ts";

it("the deletion of a VM deletes the disks marked for it and leaves the others", () => {
  const azure = aModel();
  for (const name of ["kept", "gone"]) azure.finish("PUT", `disks/${name}`, diskBody());
  azure.finish("PUT", "disks/shared", diskBody({ properties: { maxShares: 2 } }));
  azure.finish("PATCH", "virtualMachines/node-b", listBody({ 0: "shared" }));
  const withVm = { deleteOption: "Delete" };
  azure.finish(
    "PATCH",
    "virtualMachines/node-a",
    listBody({ 0: "kept", 1: "gone", 2: "shared" }, { gone: withVm, shared: withVm }),
  );
  assert.equal(
    textAt(azure.finish("DELETE", "virtualMachines/node-a?forceDeletion=true"), "status"),
    "Succeeded",
  );
  assert.deepEqual(
    ["kept", "gone", "shared"].map((name) => azure.send("GET", `disks/${name}`).status),
    [200, 404, 200],
  );
});
