import assert from "node:assert/strict";
import { describe } from "node:test";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { aNewAttachment, aNewDriverNode, aNewVolume, aVolumeStatus } from "../worlds/object-builders.ts";
import { assertInvalid, never, ofShares, withLabels } from "./store-suite.ts";
import type { StoreSuite } from "./store-suite.ts";

/** Objects that no store takes. */
export function validationContract({ on, name }: StoreSuite): void {
  describe(`${name}: validation`, () => {
    const names = [
      { volume: "", because: "empty" },
      { volume: "Upper", because: "upper case" },
      { volume: "under_score", because: "an underscore" },
      { volume: "-front", because: "begins with a dash" },
      { volume: "back-", because: "ends with a dash" },
      { volume: "a..b", because: "an empty label" },
      { volume: "a.-b", because: "a label that begins with a dash" },
      { volume: "with space", because: "a space" },
      { volume: "a/b", because: "a slash" },
      { volume: "x".repeat(254), because: "254 characters" },
    ];
    for (const { volume, because } of names)
      on(`refuses a name that is not an RFC 1123 subdomain: ${because}`, async ({ store }) => {
        assertInvalid(
          await store.create("AzVolume", aNewVolume(volume, {}, { volumeName: "pvc" }), never),
          "metadata.name",
        );
      });

    on("accepts the longest valid name", async ({ store }) => {
      const longest = `${"x".repeat(251)}.y`;
      valueOf(await store.create("AzVolume", aNewVolume(longest), never));
      assert.equal(valueOf(await store.get("AzVolume", longest, never)).metadata.name, longest);
      valueOf(await store.delete("AzVolume", longest, {}, never));
    });

    const metadata = [
      { given: { labels: { a: "not a label value" } }, field: "metadata.labels" },
      { given: { labels: { a: "x".repeat(64) } }, field: "metadata.labels" },
      { given: { labels: { "a/b/c": "1" } }, field: "metadata.labels" },
      { given: { annotations: { "": "1" } }, field: "metadata.annotations" },
      { given: { finalizers: ["not a name"] }, field: "metadata.finalizers" },
    ];
    for (const { given, field } of metadata)
      on(`refuses ${field} ${JSON.stringify(Object.values(given)[0]).slice(0, 40)}`, async ({ store }) => {
        assertInvalid(
          await store.create(
            "AzVolume",
            aNewVolume("pvc-1", given as Parameters<typeof aNewVolume>[1]),
            never,
          ),
          field,
        );
      });

    const specs = [
      { given: ofShares(0), field: "spec.disk.maxShares", because: "below its least value" },
      { given: ofShares(16), field: "spec.disk.maxShares", because: "above its greatest value" },
      { given: ofShares(1.5), field: "spec.disk.maxShares", because: "not whole" },
      {
        given: { ...ofShares(2), maxMountReplicaCount: 2 },
        field: "spec.maxMountReplicaCount",
        because: "not less than maxShares",
      },
      { given: { capabilities: [] }, field: "spec.capabilities", because: "too few" },
      { given: { deleteRequested: "yes" }, field: "spec.deleteRequested", because: "of another type" },
      { given: { volumeName: undefined }, field: "spec.volumeName", because: "missing" },
      {
        given: { volumeContext: { a: 1 } },
        field: "spec.volumeContext.a",
        because: "of another type, deep inside",
      },
    ];
    for (const { given, field, because } of specs)
      on(`names ${field} when it is ${because}`, async ({ store }) => {
        assertInvalid(
          await store.create(
            "AzVolume",
            aNewVolume("pvc-1", {}, given as Parameters<typeof aNewVolume>[2]),
            never,
          ),
          field,
        );
        assert.deepEqual(valueOf(await store.list("AzVolume", {}, never)).items, []);
      });

    on("validates updates of spec and of status as it validates new objects", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assertInvalid(
        await store.update("AzVolume", { ...made, spec: { ...made.spec, maxMountReplicaCount: 3 } }, never),
        "spec.maxMountReplicaCount",
      );
      assertInvalid(
        await store.update("AzVolume", withLabels(made, { a: "no label" }), never),
        "metadata.labels",
      );
      assertInvalid(
        await store.updateStatus(
          "AzVolume",
          { ...made, status: { ...aVolumeStatus(), state: "Lost" as "Pending" } },
          never,
        ),
        "status.state",
      );
      assert.deepEqual(valueOf(await store.get("AzVolume", "pvc-1", never)), made);
    });

    on("keeps immutable fields of an AzVolume", async ({ store }) => {
      const made = valueOf(await store.create("AzVolume", aNewVolume("pvc-1"), never));
      assertInvalid(
        await store.update("AzVolume", { ...made, spec: { ...made.spec, volumeName: "pvc-2" } }, never),
        "spec.volumeName",
      );
      const { disk } = made.spec;
      const others = {
        skuName: "Premium_ZRS",
        maxShares: 4,
        location: "westus",
        zone: "1",
        resourceGroup: "rg",
        sourceUri: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/snapshots/s",
      };
      for (const [field, value] of Object.entries(others)) {
        const spec = { ...made.spec, disk: { ...disk, [field]: value } };
        assertInvalid(await store.update("AzVolume", { ...made, spec }, never), `spec.disk.${field}`);
      }
      const modification = { skuName: "Premium_ZRS", networkAccessPolicy: "DenyAll" } as const;
      const asked = valueOf(
        await store.update("AzVolume", { ...made, spec: { ...made.spec, modification } }, never),
      );
      // As Azure shows it at the end: another request may have been made before this one replaced it.
      const shown = { ...disk, skuName: "Standard_LRS", networkAccessPolicy: "DenyAll" } as const;
      const early: AzVolume = { ...asked, spec: { ...asked.spec, disk: shown } };
      assertInvalid(await store.update("AzVolume", early, never), "spec.disk.skuName");
      const ended: AzVolume = { ...asked, spec: { ...made.spec, disk: shown } };
      const modified = valueOf(await store.update("AzVolume", ended, never));
      assertInvalid(
        await store.update("AzVolume", { ...modified, spec: made.spec }, never),
        "spec.disk.skuName",
      );
      const grown = { ...modified.spec, disk: { ...modified.spec.disk, sizeGiB: disk.sizeGiB + 1 } };
      valueOf(await store.update("AzVolume", { ...modified, spec: grown }, never));
    });

    for (const field of ["volumeName", "volumeId", "nodeName"] as const)
      on(`keeps ${field} of an AzVolumeAttachment`, async ({ store }) => {
        const made = valueOf(await store.create("AzVolumeAttachment", aNewAttachment("pvc-1-node-a"), never));
        assertInvalid(
          await store.update(
            "AzVolumeAttachment",
            { ...made, spec: { ...made.spec, [field]: "other" } },
            never,
          ),
          `spec.${field}`,
        );
        valueOf(
          await store.update(
            "AzVolumeAttachment",
            { ...made, spec: { ...made.spec, role: "Primary" } },
            never,
          ),
        );
      });

    on("keeps nodeName of an AzDriverNode", async ({ store }) => {
      const made = valueOf(await store.create("AzDriverNode", aNewDriverNode("node-a"), never));
      assertInvalid(
        await store.update("AzDriverNode", { ...made, spec: { nodeName: "node-b" } }, never),
        "spec.nodeName",
      );
    });
  });
}
