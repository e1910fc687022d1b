import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { volumeReferences } from "./pod-request.ts";

describe("volumeReferences", () => {
  it("finds claims, the claims of generic ephemeral volumes and disks, each once", () => {
    const pod = {
      metadata: { name: "web-0", namespace: "shop" },
      spec: {
        volumes: [
          { name: "data", persistentVolumeClaim: { claimName: "data-web-0" } },
          { name: "again", persistentVolumeClaim: { claimName: "data-web-0" } },
          { name: "scratch", ephemeral: { volumeClaimTemplate: { spec: {} } } },
          { name: "old", azureDisk: { diskURI: "/Disks/A", kind: "Managed" } },
          { name: "old-again", azureDisk: { diskURI: "/disks/a", kind: "Managed" } },
          { name: "blob", azureDisk: { diskURI: "https://account/blob", kind: "Shared" } },
          { name: "settings", configMap: { name: "settings" } },
        ],
      },
    };
    assert.deepEqual(volumeReferences(pod), [
      { kind: "claim", claimKey: "shop/data-web-0" },
      { kind: "claim", claimKey: "shop/web-0-scratch" },
      { kind: "disk", diskUri: "/disks/a" },
    ]);
  });

  it("finds none in what is no pod, or a malformed one, and never throws", () => {
    const rows = [
      null,
      [],
      "pod",
      7,
      {},
      { spec: null },
      { spec: { volumes: "x" } },
      {
        spec: {
          volumes: [
            null,
            1,
            { persistentVolumeClaim: null },
            { persistentVolumeClaim: { claimName: 1 } },
            { ephemeral: {} },
          ],
        },
      },
    ];
    for (const pod of rows) assert.deepEqual(volumeReferences(pod), [], JSON.stringify(pod));
    fc.assert(fc.property(fc.anything(), (pod) => Array.isArray(volumeReferences(pod))));
    fc.assert(
      fc.property(fc.array(fc.anything()), (volumes) =>
        Array.isArray(volumeReferences({ metadata: {}, spec: { volumes } })),
      ),
    );
  });
});
