import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";
import { at, type Json, listAt, textAt } from "./json.ts";

const OLD_VM = "api-version=2023-09-01";
const NEW_VM = "api-version=2024-03-01";
const OLD_DISK = "api-version=2019-07-01";

/** A model whose VM node-a has the shared disk pvc-1. */
function furnished(): ModelFixture {
  const azure = aModel({ settings: { osDisks: false } });
  azure.finish("PUT", "disks/pvc-1", diskBody({ properties: { maxShares: 2 } }));
  azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
  return azure;
}

describe("an API version", () => {
  it("before ETags neither shows one nor obeys If-Match", () => {
    const azure = furnished();
    const read = azure.send("GET", `virtualMachines/node-a?${OLD_VM}`);
    assert.deepEqual([read.headers["etag"], at(read.body, "etag")], [undefined, undefined]);
    const write = (version: string): readonly [number, unknown] => {
      const answer = azure.send("PATCH", `virtualMachines/node-a?${version}`, {}, { ifMatch: '"wrong"' });
      azure.settle();
      return [answer.status, codeOf(answer.body)];
    };
    assert.deepEqual(
      [write(OLD_VM), write(NEW_VM)],
      [
        [200, undefined],
        [412, "PreconditionFailed"],
      ],
    );
    assert.match(textAt(azure.send("GET", `virtualMachines/node-a?${NEW_VM}`).body, "etag") ?? "", /^"\d+"$/);
  });

  it("without shared disks shows one owner, in a list too, and shares no new disk", () => {
    const azure = furnished();
    const shownBy = (disk: Json | undefined): readonly boolean[] =>
      [["managedBy"], ["managedByExtended"], ["properties", "shareInfo"], ["properties", "maxShares"]].map(
        (path) => at(disk, ...path) !== undefined,
      );
    const listed = (version: string): Json | undefined =>
      listAt(azure.send("GET", `disks?${version}`).body, "value")?.[0];
    assert.deepEqual(shownBy(azure.send("GET", `disks/pvc-1?${OLD_DISK}`).body), [true, false, false, false]);
    assert.deepEqual(shownBy(listed(OLD_DISK)), [true, false, false, false]);
    assert.deepEqual(shownBy(listed("api-version=2019-11-01")), [true, true, true, true]);
    azure.finish("PUT", `disks/single?${OLD_DISK}`, diskBody({ properties: { maxShares: 2 } }));
    assert.equal(at(azure.send("GET", "disks/single").body, "properties", "maxShares"), undefined);
  });

  it("before forced detaches refuses one", () => {
    const azure = furnished();
    const entry = { lun: 0, createOption: "Attach", name: "pvc-1", toBeDetached: true };
    const body = {
      properties: { storageProfile: { dataDisks: [{ ...entry, detachOption: "ForceDetach" }] } },
    };
    const refused = azure.send("PATCH", "virtualMachines/node-a?api-version=2020-12-01", body);
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "BadRequest"]);
    const begun = azure.send("PATCH", "virtualMachines/node-a?api-version=2021-03-01", body);
    const listed = listAt(begun.body, "properties", "storageProfile", "dataDisks")?.[0];
    assert.equal(at(listed, "detachOption"), "ForceDetach");
    const old = azure.send("GET", "virtualMachines/node-a?api-version=2020-12-01").body;
    const shown = listAt(old, "properties", "storageProfile", "dataDisks")?.[0];
    assert.deepEqual([at(shown, "toBeDetached"), at(shown, "detachOption")], [true, undefined]);
  });

  it("before instant access shows it of no snapshot, nor in an operation's result", () => {
    const azure = furnished();
    const creationData = {
      createOption: "Copy",
      sourceResourceId: `${COMPUTE}/disks/pvc-1`,
    };
    const body = { location: "eastus", properties: { creationData, incremental: true } };
    const started = azure.send("PUT", "snapshots/s?api-version=2024-03-02", body);
    azure.settle();
    const url = new URL(started.headers["azure-asyncoperation"] ?? "");
    const done = azure.send("GET", url.pathname + url.search).body;
    assert.equal(at(done, "properties", "output", "name"), "s");
    assert.equal(at(done, "properties", "output", "properties", "snapshotAccessState"), undefined);
    const current = azure.send("GET", "snapshots/s?api-version=2025-01-02").body;
    assert.equal(at(current, "properties", "snapshotAccessState"), "Available");
  });
});
