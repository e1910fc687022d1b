import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { stripSecrets } from "./strip-secrets.ts";

describe("stripSecrets", () => {
  it("keeps everything but secrets, and writes exact integers", () => {
    const request = {
      name: "pvc-1",
      secrets: { key: "hunter2" },
      capacityRange: { requiredBytes: 2n ** 60n },
      parameters: { skuName: "Premium_LRS" },
    };
    const stripped = JSON.stringify(stripSecrets(request));
    assert.doesNotMatch(stripped, /hunter2/u);
    assert.match(stripped, /"secrets":"stripped"/u);
    assert.match(stripped, /"requiredBytes":"1152921504606846976"/u);
    assert.match(stripped, /"skuName":"Premium_LRS"/u);
  });

  it("knows every field that the specification calls secret", async () => {
    const proto = await readFile(new URL("../proto/csi/v1/csi.proto", import.meta.url), "utf8");
    const secretFields = [
      ...proto.matchAll(/map<string, string> (\w+) = \d+\s+\[\(csi_secret\) = true/gu),
    ].map(([, name]) => name ?? "");
    assert.equal(secretFields.length, proto.split("(csi_secret) = true").length - 1);
    for (const name of secretFields)
      assert.deepEqual(stripSecrets({ [name]: { key: "hunter2" } }), { [name]: "stripped" });
  });

  it("ends on values without end", () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    assert.match(JSON.stringify(stripSecrets(loop)), /…/u);
  });
});
