import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RESERVATION_KEY_CHARS } from "../../api/attachment-bounds.ts";
import { grantKey, isOwnKey, preemptorKey } from "./reservation-key.ts";

const grant = { volumeUid: "uid-1", storeIncarnation: 1, writer: { vmId: "vm-a", epoch: 2 } };

describe("reservation keys", () => {
  const key = grantKey(grant);

  it("has 64 bits, and the driver's mark", () => {
    for (const made of [key, preemptorKey(key, { vmId: "vm-b" })]) {
      assert.match(made, /^617a[0-9a-f]{12}$/u);
      assert.equal(made.length, RESERVATION_KEY_CHARS);
      assert.equal(isOwnKey(made), true);
    }
    assert.equal(isOwnKey("0000000000000abc"), false);
  });

  it("differs between any two grants, also of one epoch, around a rollback", () => {
    const others = [
      { ...grant, volumeUid: "uid-2" },
      { ...grant, storeIncarnation: 2 },
      { ...grant, writer: { ...grant.writer, epoch: 3 } },
      { ...grant, writer: { ...grant.writer, vmId: "vm-b" } },
    ].map(grantKey);
    assert.equal(new Set([key, ...others]).size, 5);
    assert.equal(grantKey({ ...grant, writer: { ...grant.writer, vmId: "VM-A" } }), key, "in any case");
  });

  it("differs between nodes that preempt a grant, and grants that one preempts", () => {
    const [b, c] = [{ vmId: "vm-b" }, { vmId: "vm-c" }];
    const other = grantKey({ ...grant, volumeUid: "uid-2" });
    const made = [key, preemptorKey(key, b), preemptorKey(key, c), preemptorKey(other, b)];
    assert.equal(new Set(made).size, 4);
  });
});
