import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmAnswer } from "../../../src/emulator/model/api/arm-message.ts";
import { instanceUriOf } from "../vm-names.ts";
import { createUnlistedDisks } from "./unlisted-disks.ts";

const path = instanceUriOf("node-a");

function answered(dataDisks: readonly { readonly lun: number }[]): ArmAnswer {
  const body = {
    name: "node-a",
    properties: { vmId: "vm-a", storageProfile: { osDisk: { name: "os" }, dataDisks } },
  };
  return { status: 200, headers: { etag: '"3"' }, body, delivery: { kind: "Answered" }, sequence: 1 };
}

describe("unlisted disks", () => {
  it("hides the data disks from reads of the VM, in any case of its id, until ended", () => {
    const disks = createUnlistedDisks();
    const whole = answered([{ lun: 0 }]);
    const end = disks.unlist(path);
    assert.deepEqual(disks.shown({ method: "GET", path: path.toUpperCase() }, whole), answered([]));
    end();
    assert.equal(disks.shown({ method: "GET", path }, whole), whole);
  });

  it("hides the VMs from reads of a disk, alone or in a list, until ended", () => {
    const [diskUri, otherUri] = ["/subscriptions/s/disks/one", "/subscriptions/s/disks/two"];
    const one = { id: diskUri, managedBy: path, managedByExtended: [path], sku: "Premium_LRS" };
    const other = { id: otherUri, managedBy: path };
    const disks = createUnlistedDisks();
    const answers = [one, { value: [one, other] }].map((body): ArmAnswer => ({ ...answered([]), body }));
    const shown = (): readonly ArmAnswer["body"][] =>
      answers.map((answer) => disks.shown({ method: "GET", path: diskUri }, answer).body);
    const end = disks.disown(diskUri.toUpperCase());
    const hidden = { id: diskUri, sku: "Premium_LRS" };
    assert.deepEqual(shown(), [hidden, { value: [hidden, other] }]);
    end();
    assert.deepEqual(shown(), [one, { value: [one, other] }]);
  });

  it("leaves writes, other resources and refusals as they are", () => {
    const disks = createUnlistedDisks();
    const whole = answered([{ lun: 0 }]);
    const refusal: ArmAnswer = { ...whole, status: 404, body: { error: { code: "NotFound" } } };
    disks.unlist(path);
    assert.equal(disks.shown({ method: "PATCH", path }, whole), whole);
    assert.equal(disks.shown({ method: "GET", path: instanceUriOf("node-b") }, whole), whole);
    assert.equal(disks.shown({ method: "GET", path }, refusal), refusal);
  });
});
