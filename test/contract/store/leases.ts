import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import { assertInvalid, never, watching } from "./store-suite.ts";
import type { StoreSuite } from "./store-suite.ts";

/** The Lease of a leader election. */
export function leasesContract({ on, name }: StoreSuite): void {
  describe(`${name}: leases`, () => {
    const spec = {
      holderIdentity: "first",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-02T03:04:05.678Z",
      leaseTransitions: 0,
    };

    on(
      "keeps a Lease to the millisecond, and reports changes to other candidates",
      async ({ store, other }) => {
        const made = valueOf(
          await store.create(
            "Lease",
            { metadata: { name: "leader", annotations: { counter: "1" } }, spec },
            never,
          ),
        );
        assert.deepEqual([made.spec, made.metadata.annotations], [spec, { counter: "1" }]);
        const { items, resourceVersion } = valueOf(await other.list("Lease", {}, never));
        assert.deepEqual(items, [made]);
        const watch = watching(other, "Lease", resourceVersion);
        const renewed = valueOf(
          await store.update(
            "Lease",
            { ...made, spec: { ...spec, renewTime: "2026-01-02T03:04:10.001Z" } },
            never,
          ),
        );
        assert.equal(renewed.spec.renewTime, "2026-01-02T03:04:10.001Z");
        assert.deepEqual(await watch.take(1), [{ type: "MODIFIED", object: renewed }]);
        await watch.stop();
      },
    );

    on("lets one of two candidates win, and a holder release it", async ({ store, other }) => {
      const made = valueOf(await store.create("Lease", { metadata: { name: "leader" }, spec }, never));
      const released = valueOf(
        await store.update(
          "Lease",
          { ...made, spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1 } },
          never,
        ),
      );
      assert.deepEqual([released.spec.holderIdentity, released.spec.leaseDurationSeconds], ["", 1]);
      const results = await Promise.all(
        [store, other].map((by, index) =>
          by.update(
            "Lease",
            { ...released, spec: { ...spec, holderIdentity: `candidate-${index}`, leaseTransitions: 1 } },
            never,
          ),
        ),
      );
      assert.deepEqual(results.map((result) => (result.ok ? "won" : result.failure.kind)).toSorted(), [
        "ObjectConflict",
        "won",
      ]);
    });

    on("refuses a Lease without a duration", async ({ store }) => {
      assertInvalid(
        await store.create(
          "Lease",
          { metadata: { name: "leader" }, spec: { ...spec, leaseDurationSeconds: 0 } },
          never,
        ),
        "spec.leaseDurationSeconds",
      );
    });
  });
}
