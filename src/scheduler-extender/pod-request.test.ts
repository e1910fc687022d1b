import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nominatedNodeName, podUid, volumeReferences } from "./pod-request.ts";

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
      { kind: "claim", claimKey: "shop/data-web-0", isPodsOwn: false },
      { kind: "claim", claimKey: "shop/web-0-scratch", isPodsOwn: true },
      { kind: "disk", diskUri: "/disks/a" },
    ]);
  });

  // No other pod uses these when the pod starts; a Deployment's new pod starts beside the old one.
  it("knows the claims of a pod alone by the pod's name in theirs", () => {
    const named = ["data-web-0", "web-0", "web-0-wal"];
    const others = ["data-web-10", "web-01", "shared", "web"];
    const rows = [
      { ownerReferences: [{ kind: "Note" }, { kind: "StatefulSet", controller: true }], own: named },
      { ownerReferences: [{ kind: "Cluster", controller: true }], own: named },
      { ownerReferences: [{ kind: "StatefulSet", controller: false }], own: [] },
      { ownerReferences: [{ kind: "Note" }, null, 1, {}], own: [] },
      { ownerReferences: { kind: "StatefulSet", controller: true }, own: [] },
      { own: [] },
    ];
    for (const { own, ...owned } of rows) {
      const volumes = [...named, ...others].map((claimName) => ({ persistentVolumeClaim: { claimName } }));
      const references = volumeReferences({ metadata: { name: "web-0", ...owned }, spec: { volumes } });
      const owns = references.filter((reference) => reference.kind === "claim" && reference.isPodsOwn);
      assert.deepEqual(
        owns,
        own.map((name) => ({ kind: "claim", claimKey: `default/${name}`, isPodsOwn: true })),
        JSON.stringify(owned),
      );
    }
  });

  it("knows no claim of a pod that has no name yet", () => {
    const metadata = { ownerReferences: [{ kind: "Cluster", controller: true }] };
    const volumes = ["data-", "-wal", "data"].map((claimName) => ({ persistentVolumeClaim: { claimName } }));
    const references = volumeReferences({ metadata, spec: { volumes } });
    assert.deepEqual(
      references.map((reference) => reference.kind === "claim" && reference.isPodsOwn),
      [false, false, false],
    );
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

describe("podUid", () => {
  it("reads the uid of a pod, and finds none in what is no pod", () => {
    assert.equal(podUid({ metadata: { uid: "uid-1" } }), "uid-1");
    for (const pod of [null, 7, {}, { metadata: null }, { metadata: { uid: 1 } }])
      assert.equal(podUid(pod), undefined);
  });
});

describe("nominatedNodeName", () => {
  it("reads the node from the pod's status, and finds none in what is no pod", () => {
    assert.equal(nominatedNodeName({ status: { nominatedNodeName: "node-a" } }), "node-a");
    for (const pod of [null, 7, {}, { status: null }, { status: { nominatedNodeName: "" } }])
      assert.equal(nominatedNodeName(pod), undefined);
  });
});
